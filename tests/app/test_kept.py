"""Whatever a process or Redis keeps is bounded. The tests read the code, so they see later additions."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
import redis

from app.core.errors import PasswordsBusy
from app.core.passwords import Passwords
from app.infra.active_users import ActiveUsers
from app.infra.log_levels import LogLevels
from app.infra.mongo import Database
from app.infra.rate_limits import UNMATCHED, Asked
from app.infra.redis import RedisClient
from app.monitoring.alerts.announce import Announcer
from app.monitoring.alerts.history import AlertHistory
from app.monitoring.alerts.life import Firing, begun
from app.monitoring.alerts.payload import Notice
from app.monitoring.alerts.records import Kind, Source, Transition
from app.monitoring.alerts.repository import AlertRepository
from app.monitoring.alerts.sentry import Sentry
from tests.app.fixed_clock import FixedClock
from tests.app.infra.rate_limits.limiters import limiting, rule
from tests.app.people import Api
from tests.programs import free_port

ROOT: Final = Path(__file__).parents[2]


async def overfill_password_line(_redis_url: str) -> int:
    passwords = Passwords(memory_kib=7168, time_cost=2, parallel=1, most_waiting=5)

    async def come() -> None:
        with suppress(PasswordsBusy):
            async with passwords.turn(asyncio.Event()):
                await asyncio.Event().wait()

    tasks = [asyncio.create_task(come()) for _ in range(20)]
    await asyncio.sleep(0)
    kept = len(passwords._line)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return kept


async def overfill_active_users(redis_url: str) -> int:
    users = ActiveUsers(RedisClient(redis_url, seconds=10), FixedClock())
    for number in range(10_500):
        users.seen(f"usr_{number}")
    return len(users._waiting)


async def overfill_log_levels(redis_url: str) -> int:
    client = RedisClient(redis_url, seconds=10)
    levels = LogLevels(client, FixedClock())
    for number in range(150):
        with suppress(ValueError):
            await levels.set(f"bounds.{number}", "debug", 60)
    kept = len(levels._followed)
    for number in range(150):
        await levels.reset(f"bounds.{number}")
    await client.close()
    return kept


async def overfill_plans(redis_url: str) -> int:
    async with limiting(redis_url, rule()) as limiter:
        for number in range(4_000):  # the method of an unmatched request is the client's choice
            limiter._plan(Asked(UNMATCHED, f"METHOD{number}", (), "192.0.2.1", None, None))
        return len(limiter._plans)


async def overfill_postponed_notices(_redis_url: str) -> int:
    database = Database(f"mongodb://127.0.0.1:{free_port()}/lms", seconds=0.01)
    history = AlertHistory(AlertRepository(database), FixedClock(), days=1)
    now = FixedClock().now()
    for number in range(2_100):
        history._postpone([Notice(Firing(f"{number:016x}", {}, {}, now), "on-call", now, None)])
    database.close()
    return len(history._postponed)


async def overfill_unmarked_alerts(_redis_url: str) -> int:
    """Steps that were announced, and whose marks the database does not take."""
    database = Database(f"mongodb://127.0.0.1:{free_port()}/lms", seconds=0.001)
    announcer = Announcer(AlertRepository(database))
    records = [begun(Firing(f"{number:016x}", {}, {}, FixedClock().now())) for number in range(2_100)]
    for number in range(0, len(records), 100):
        await asyncio.gather(*(announcer.stored(None, each) for each in records[number : number + 100]))
    database.close()
    return len(announcer._unmarked)


async def overfill_sent_alerts(_redis_url: str) -> int:
    sentry, now = Sentry(), FixedClock().now()
    step = Transition(kind=Kind.NOTIFIED, at=now, source=Source.PLATFORM, reference="on-call")
    for number in range(10_100):
        assert sentry._is_new(str(number), step)
    return len(sentry._sent)


OVERFILLED: Final[dict[str, tuple[int, Callable[[str], Awaitable[int]]]]] = {
    "app/core/passwords.py: Passwords._line": (5, overfill_password_line),
    "app/infra/active_users.py: ActiveUsers._waiting": (10_000, overfill_active_users),
    "app/infra/log_levels.py: LogLevels._followed": (100, overfill_log_levels),
    "app/monitoring/alerts/history.py: AlertHistory._postponed": (2_000, overfill_postponed_notices),
    "app/monitoring/alerts/announce.py: Announcer._unmarked": (2_000, overfill_unmarked_alerts),
    "app/monitoring/alerts/sentry.py: Sentry._sent": (10_000, overfill_sent_alerts),
    "app/infra/rate_limits/limiter.py: RateLimiter._plans": (2_000, overfill_plans),
}
OURS_ALONE: Final = {
    "app/core/certificates.py: CertificateSigner._jwk": "the members of one key",
    "app/infra/mongo.py: Database._indexes": "those that the repositories declare when the process starts",
    "app/infra/redis.py: RedisClient._scripts": "the scripts of this package, when the process starts",
    "app/core/errors.py: QuotaExceeded.headers": "Retry-After",
    "app/infra/rate_limits/instances.py: Instances._reports": "256",
    "app/infra/rate_limits/local_windows.py: Hits.times": "200,000 in all: test_local_windows.py",
    "app/infra/rate_limits/local_windows.py: LocalWindows._by_key": "10,000: test_local_windows.py",
    "app/infra/rate_limits/redis_script.py: Connections._idle": "the 64 calls that may run at once",
    "app/http/storable.py: _replacing": "the endpoints that there are",
    "app/lms/submissions/acknowledged.py: Acknowledged._waiting": "50, by its own add()",
    "app/monitoring/alerts/announce.py: Announcer._waiting": "what one question to the database returns",
    "app/monitoring/alerts/seen.py: Known._found": "the alerts of one comparison",
    "app/monitoring/alerts/seen.py: listed": "one comparison's, kept with it",
    "app/monitoring/report/delivery.py: Reports._unnoted": "the reports of this hour: weekly, monthly",
    "app/monitoring/alerts/reconcile.py: Reconciler._ends": "the alerts that fire",
    "app/monitoring/alerts/reconcile.py: Reconciler._missing": "the alerts that fire",
    "app/monitoring/checks/external.py: Services._services": "what the settings name",
    "app/monitoring/checks/file_system.py: Trend._samples": "257: test_file_system_check.py",
    "app/monitoring/checks/system.py: LoopLag._delays": "one each half second of three intervals",
    "app/monitoring/checks/telemetry.py: TelemetryProbe._dropped": "traces, metrics, logs",
    "app/monitoring/health_lookback.py: Lookback._samples": "258: test_health_lookback.py",
    "app/monitoring/figures.py: ProcessFigures._families": "the metrics that are declared, for one request",
    "app/monitoring/health_checks.py: HealthChecks._states": "the checks that there are",
    "app/monitoring/health_damping.py: Damping._recent": "LMS_HEALTH_WINDOW",
    "app/monitoring/partial.py: Sources._missing": "the sources that there are, for one request",
    "app/http/server.py: BoundedHttp.default_headers": "one, during a drain",
    "app/http/server.py: BoundedHttp.headers": "a request's, bounded in tests/app/http/test_server.py",
}
GROWABLE: Final = frozenset(
    {"set", "dict", "list", "deque", "defaultdict", "OrderedDict", "Counter", "WeakKeyDictionary"}
    | {"WeakValueDictionary", "WeakSet", "Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "ChainMap"}
)
DISPLAYS: Final = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def grows(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return name_of(value.func) in GROWABLE
    return isinstance(value, DISPLAYS)


def kept_by(owner: ast.ClassDef) -> Iterator[str]:
    """Yields the attributes of instances of a class that hold something growable."""
    for node in ast.walk(owner):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and grows(node.value):
            yield from (each.attr for each in targets if isinstance(each, ast.Attribute))


def caches(tree: ast.Module) -> Iterator[str]:
    """Yields the functions whose results are kept without a bound."""
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            if name_of(call) in {"cache", "lru_cache", "cached_property"}:
                yield getattr(node, "name", "")


def module_names(tree: ast.Module) -> Iterator[str]:
    """Yields a module's variables that hold something growable and are not declared as constants."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and grows(node.value):
            yield from (
                each.id
                for each in node.targets
                if isinstance(each, ast.Name) and not each.id.isupper() and each.id != "__all__"
            )
        if (
            isinstance(node, ast.AnnAssign)
            and grows(node.value)
            and not ast.unparse(node.annotation).startswith("Final")
        ):
            yield ast.unparse(node.target)


def kept() -> set[str]:
    found = set()
    for path in sorted((ROOT / "app").rglob("*.py")):
        tree, where = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(ROOT)
        owners = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        found |= {f"{where}: {owner.name}.{each}" for owner in owners for each in kept_by(owner)}
        found |= {f"{where}: {each}" for each in (*caches(tree), *module_names(tree))}
    return found


def test_everything_that_a_process_keeps_has_a_bound_that_is_tried() -> None:
    assert kept() == {*OVERFILLED, *OURS_ALONE}


@pytest.mark.parametrize("place", sorted(OVERFILLED))
async def test_a_bound_holds(place: str, empty_redis_url: str) -> None:
    bound, overfill = OVERFILLED[place]
    assert await overfill(empty_redis_url) == bound


# --- what Redis keeps ---


async def test_whatever_is_in_redis_ends_by_itself(api: Api, empty_redis_url: str) -> None:
    learner, admin = await api.student(), await api.admin()
    await api.course(await api.instructor())
    assert (await api.client.get("/courses")).status_code == 200
    assert (await learner.post("/auth/logout")).status_code == 204
    again = await api.login(learner.email)
    await api.client.post("/auth/refresh", json={"refresh_token": again.refresh})
    await admin.put("/monitoring/log-levels/users", {"level": "debug", "seconds": 60})
    with redis.Redis.from_url(empty_redis_url, decode_responses=True) as server:
        lives = {key: server.pttl(key) for key in server.scan_iter()}
    assert {key.split(":")[1] for key in lives} >= {"session", "revoked", "catalogue", "log-levels"}
    # One small key, whose end would mean that Redis has lost its data.
    assert {key for key, life in lives.items() if life < 0} <= {"{lms:limits}:begun"}
