"""The real database of the run over uvicorn: FerretDB on PostgreSQL, as in the native stack."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pymongo
import pymongo.errors

from bench.overhead.application import COLLECTION, DATABASE, DOCUMENTS, document
from bench.process import Program, until
from stack.native.ports import LOOPBACK, free_ports
from stack.native.postgres import PASSWORD_VARIABLE
from stack.native.tools import tool_path


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[str]:
    """Runs a database that holds the courses while the block runs, and yields its URL.

    Raises:
        BenchError: It did not start.
        ToolError: Its programs are not built.
    """
    postgres_port, port = free_ports(2)
    password = secrets.token_urlsafe(16)
    url = f"mongodb://lms:{password}@{LOOPBACK}:{port}/{DATABASE}?authMechanism=PLAIN"
    # FerretDB's own PostgreSQL database, whatever the MongoDB databases are called.
    environment = {"FERRETDB_POSTGRESQL_URL": f"postgres://{LOOPBACK}:{postgres_port}/lms"}
    environment |= {"FERRETDB_LISTEN_ADDR": f"{LOOPBACK}:{port}", "FERRETDB_LOG_LEVEL": "error"}
    run = [sys.executable, "-m", "stack.native.postgres", "run"]
    run += ["--data-dir", str(folder / "postgres"), "--port", str(postgres_port)]
    postgres = Program("postgres", run, folder, "", {PASSWORD_VARIABLE: password})
    ferretdb = Program("ferretdb", [str(tool_path("ferretdb"))], folder, "", environment)
    postgres.launch()
    try:
        await until("PostgreSQL listens", lambda: _listens(postgres_port))
        ferretdb.launch()
        await until("the database answers", lambda: asyncio.to_thread(_filled, url))
        yield url
    finally:
        await ferretdb.stop()
        await postgres.stop()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


def _filled(url: str) -> bool:
    """Inserts the courses; returns False while the database is not up."""
    try:
        with pymongo.MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=500) as client:
            courses = client[DATABASE][COLLECTION]
            courses.drop()
            courses.insert_many([document(number) for number in range(DOCUMENTS)])
    except pymongo.errors.PyMongoError:
        return False
    return True
