// A browser sends the session's cookie only with requests from our own pages, so who comes from a link in a mail seems
// to be logged out. This page is ours: if the session is there, the link goes on.
const answer = await fetch('/api/session');
const next = new URLSearchParams(location.search).get('next') || '/';
if ((await answer.json()).known && /^\/(?![/\\])/.test(next)) location.replace(next);
