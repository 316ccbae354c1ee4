"""Board 3: do people learn, and is today like other days? Cohorts and anomalies are in business_usual.py."""

from __future__ import annotations

from typing import Final

from grafana.board import Board, Choice, Row
from grafana.boards.business_usual import COHORTS, UNUSUAL
from grafana.boards.common import CHOSEN, KEPT, USUAL, to
from grafana.panels import About, Limit, Query, bars, heat, lines, stat, words

_LOGS: Final = to("lms-logs", "Log lines", KEPT)
_API: Final = to("lms-api", "API performance", KEPT)
_FIGURE: Final = Choice("figure", "Figure", "anomaly:value:1h", "anomaly_name", several=False)
_FEW: Final = "fewer than ${conversion_minimum:text} registrations in six hours"
_FUNNEL: Final = "lms_funnel_learners_total"


def _in_range(metric: str, labels: str = "") -> str:
    selected = f"{CHOSEN}, {labels}" if labels else CHOSEN
    return f"round(sum(increase({metric}{{{selected}}}[$__range])))"


def _per_hour(metric: str, by: str, labels: str = "") -> str:
    selected = f"{CHOSEN}, {labels}" if labels else CHOSEN
    return f"3600 * sum by ({by}) (rate({metric}{{{selected}}}[$__rate_interval]))"


def _share(metric: str, label: str, part: str, whole: str) -> str:
    """Returns the share of events in the range shown, of those that both patterns describe."""
    some, of = (_in_range(metric, f'{label}=~"{each}"') for each in (part, whole))
    return f"{some} / ({of} > 0)"


def _of(step: str, earlier: str) -> str:
    """Returns how many learners took a step per learner who took the one before, in the range shown."""
    some, of = (_in_range(_FUNNEL, f'step="{each}"') for each in (step, earlier))
    return f"{some} / ({of} > 0)"


_NOW: Final = Row(
    "In the range shown",
    (
        words(
            About("What this board answers", "The question, and how to read it.", width=24, height=3),
            "**Do people learn, and is today like other days?** The numbers are those of the range chosen "
            "above. What is usual at this hour of the week is learned from up to four weeks; before that, "
            "the last row is empty.",
        ),
        stat(
            About(
                "Learners active",
                "Different people within five minutes, an hour and a day; the same for every range.",
                width=6, height=4, empty="nobody yet",
            ),
            *(
                Query(f'max(lms_users_active{{{CHOSEN}, window="{window}"}})', legend=window, now=True)
                for window in ("5m", "1h", "24h")
            ),
        ),
        stat(
            About(
                "Registrations and logins",
                "New accounts, and logins with the right password. Far fewer than usual: runbooks "
                "ActivityFellAway and LoginsFail.",
                width=6, height=4,
            ),
            Query(_in_range("lms_registrations_total", 'outcome="created"'), legend="registered", now=True),
            Query(_in_range("lms_logins_total", 'outcome="success"'), legend="logins", now=True),
        ),
        stat(
            About(
                "Enrolments and completions",
                "Seats taken in a course, and courses finished. Far fewer than usual: runbook "
                "ActivityFellAway.",
                width=6, height=4,
            ),
            Query(_in_range("lms_enrollments_total", 'outcome="created"'), legend="enrolled", now=True),
            Query(_in_range("lms_course_completions_total"), legend="completed", now=True),
        ),
        stat(
            About(
                "Quizzes passed",
                "Share of graded answers that passed. A sudden fall on one day is a question with a wrong "
                "solution.",
                unit="percentunit", width=6, height=4, empty="nobody has handed in a quiz yet",
            ),
            Query(_share("lms_quiz_attempts_total", "outcome", "passed", "passed|failed"), now=True),
        ),
    ),
)  # fmt: skip

_ARRIVING: Final = Row(
    "Arriving",
    (
        lines(
            About(
                "Registrations per hour",
                "Accounts created, and attempts with an address that is taken. Many of the latter: people "
                "who forgot that they have an account.",
                width=8,
            ),
            Query(_per_hour("lms_registrations_total", "outcome"), legend="{{outcome}}"),
        ),
        lines(
            About(
                "Logins per hour",
                "By outcome. Many wrong passwords and no success: runbook LoginsFail.",
                width=8, links=(_API,),
            ),
            Query(_per_hour("lms_logins_total", "outcome"), legend="{{outcome}}"),
        ),
        lines(
            About(
                "Failed logins per minute",
                "Over five minutes. Above the line, if they are most of all logins, somebody is trying "
                "passwords: runbook FailedLoginStorm.",
                width=8, limit=Limit("failed_logins"), links=(_LOGS,),
            ),
            Query(
                f'60 * sum(rate(lms_logins_total{{{CHOSEN}, outcome=~"unknown_user|wrong_password"}}[5m]))',
                legend="failed",
            ),
        ),
    ),
)  # fmt: skip

_STUDYING: Final = Row(
    "Studying",
    (
        lines(
            About(
                "Enrolments per hour",
                "By outcome: full and closed are answers, not failures. Many full: a course needs more "
                "seats.",
                width=8,
            ),
            Query(_per_hour("lms_enrollments_total", "outcome"), legend="{{outcome}}"),
            Query(_per_hour("lms_withdrawals_total", ""), legend="withdrawn"),
        ),
        lines(
            About(
                "Lessons, courses and certificates per hour",
                "Lessons marked as done, courses finished, certificates signed. A course counts as finished "
                "once its certificate is stored: if none can be signed, both fall; the log says why.",
                width=8, links=(_LOGS,),
            ),
            Query(_per_hour("lms_lesson_completions_total", "", 'outcome="completed"'), legend="lessons"),
            Query(_per_hour("lms_course_completions_total", ""), legend="courses"),
            Query(_per_hour("lms_certificates_issued_total", ""), legend="certificates"),
        ),
        lines(
            About(
                "Quizzes handed in per hour",
                "By outcome. Exhausted: no attempt is left; repeated: the same answer was sent again, which "
                "a slow page provokes.",
                width=8, links=(_API,),
            ),
            Query(_per_hour("lms_quiz_attempts_total", "outcome"), legend="{{outcome}}"),
        ),
        heat(
            About(
                "Quiz results",
                "How many graded answers got which share of points. Two bands, none and all, are quizzes of "
                "one question.",
                unit="percentunit", width=12, empty="nobody has handed in a quiz yet",
            ),
            Query(
                f"sum by (le) (increase(lms_quiz_score_bucket{{{CHOSEN}}}[$__rate_interval]))",
                legend="{{le}}",
                buckets=True,
            ),
        ),
        lines(
            About(
                "Certificates checked per hour",
                "By outcome: anybody may check any text, so some are invalid. Most are: runbook "
                "CertificatesDoNotVerify.",
                width=12,
            ),
            Query(_per_hour("lms_certificate_verifications_total", "outcome"), legend="{{outcome}}"),
        ),
    ),
)  # fmt: skip

_CONVERTED: Final = Row(
    "From account to certificate",
    (
        bars(
            About(
                "Funnel",
                "Learners who took each step for the first time in the range shown: an account, a course, a "
                "completed course. Certificates are per course: the panel beside this one has them.",
                width=8, height=7,
            ),
            *(
                Query(_in_range(_FUNNEL, f'step="{step}"'), legend=f"{number}. {step}", now=True)
                for number, step in enumerate(("registered", "enrolled", "completed"), 1)
            ),
        ),
        stat(
            About(
                "Conversion",
                "Per learner who took the step before in the range shown, how many took this one; above 100 "
                "% if earlier ones caught up. Close to nothing: runbook ConversionCollapsed. Certificates "
                "are per finished course and come first: above 100 %, something failed in between.",
                unit="percentunit", width=8, height=7, empty="nobody has registered in this range",
            ),
            Query(
                _of("enrolled", "registered"), legend="registered → enrolled", now=True
            ),
            Query(
                _of("completed", "enrolled"), legend="enrolled → completed", now=True
            ),
            Query(
                f"{_in_range('lms_certificates_issued_total')} / "
                f"({_in_range('lms_course_completions_total')} > 0)",
                legend="course finished → certificate",
                now=True,
            ),
        ),
        lines(
            About(
                "Registered → enrolled within six hours",
                "Of the whole platform, from ${conversion_minimum:text} registrations in six hours on, and "
                "what is usual at this time of the week. Less than ${conversion_floor:text} of what is "
                "usual: runbook ConversionCollapsed.",
                unit="percentunit", width=8, height=7, empty=_FEW,
            ),
            Query("lms:conversion:ratio6h", legend="now"),
            Query("lms:conversion_usual:ratio6h", legend="usual"),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="lms-business",
    title="Learning and business",
    question="Do people learn, and is today like other days?",
    variables=(*USUAL, _FIGURE),
    rows=(_NOW, _ARRIVING, _STUDYING, _CONVERTED, COHORTS, UNUSUAL),
    span="24h",
    refresh="1m",
)
