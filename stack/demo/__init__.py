"""A demo catalogue and simulated learners who study it: human-like load, the same for the same seed.

The learners use httpx, not Locust. Locust is made to find a service's limit: it brings gevent, which
patches the standard library's sockets in the whole process, its own web application, and users that pick
their next task at run time, so that a run cannot be repeated. Here a run is planned in full from its seed
before the first request (``plan``), which a test can compare; sending the requests is all that remains, and
httpx is already a dependency.
"""
