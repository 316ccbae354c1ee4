"""A demo catalogue and learners who study it: load that looks like people, the same for the same seed.

The learners use httpx, not Locust. Locust is made to find a service's limit: it brings gevent, which
replaces the standard library's sockets in the whole process, a web application of its own, and users that
draw their next task while they run, so that a run cannot be repeated. Here a run is planned in full from
its seed before the first request (``plan``), which a test can compare; what remains is sending requests,
and httpx is a dependency already.
"""
