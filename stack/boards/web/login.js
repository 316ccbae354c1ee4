// A browser sends the session's cookie only with requests from our own pages, so who comes from a link in a mail seems
// to be logged out. This page is ours: if the session is there, the link goes on.
fetch('/api/session').then((answer) => answer.json()).then((session) => {
  const next = new URLSearchParams(location.search).get('next') || '/';
  if (session.known && /^\/(?![/\\])/.test(next)) location.replace(next);
});
