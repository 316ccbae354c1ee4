"""HTTP and WebSocket requests of a FastAPI application."""
