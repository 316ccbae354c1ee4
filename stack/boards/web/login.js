// A browser sends the session's cookie only with requests from our own pages, so who comes from a link in a mail seems
// to be logged out. This page is ours: if the session is there, the link goes on.
fetch('/api/session').then((answer) => answer.json()).then((session) => {
  const next = new URLSearchParams(location.search).get('next') || '/';
  // As the browser reads it, which ignores tabs and takes backslashes for slashes; no address at all is none of ours.
  const target = URL.canParse(next, location.origin) && new URL(next, location.origin);
  if (session.known && target && target.origin === location.origin) location.replace(target);
});
