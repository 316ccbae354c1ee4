"""The whole object graph of the learning platform, on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.core.certificates import CertificateSigner
from app.core.clock import Clock
from app.core.passwords import Passwords
from app.core.security import Tokens
from app.core.settings import Settings
from app.infra.resources import Resources
from app.lms.canary import Canary
from app.lms.certificates.repository import CertificateRepository
from app.lms.certificates.service import CertificateService
from app.lms.courses.catalogue import Catalogue
from app.lms.courses.contents import Contents
from app.lms.courses.repository import CourseRepository
from app.lms.courses.service import CourseService
from app.lms.enrollments.repository import EnrollmentRepository, SeatRepository
from app.lms.enrollments.seats import SeatKeeper
from app.lms.enrollments.service import EnrollmentService
from app.lms.submissions.repository import SubmissionRepository
from app.lms.submissions.service import SubmissionService
from app.lms.users.admins import Admins
from app.lms.users.repository import AdminRepository, UserRepository
from app.lms.users.schemas import Registration
from app.lms.users.service import UserService


@dataclass(frozen=True, slots=True)
class Services:
    """The services of the platform."""

    users: UserService
    courses: CourseService
    certificates: CertificateService
    enrollments: EnrollmentService
    submissions: SubmissionService


def build_tokens(settings: Settings) -> Tokens:
    """Returns the signer and reader of this platform's tokens."""
    secret = settings.jwt_secret.get_secret_value()
    return Tokens(secret, access_ttl=settings.jwt_access_ttl, refresh_ttl=settings.jwt_refresh_ttl)


def build_services(settings: Settings, resources: Resources, clock: Clock) -> Services:
    """Returns the services, each with what it needs."""
    database, redis = resources.database, resources.redis
    passwords = Passwords(
        memory_kib=settings.argon2_memory_kib,
        time_cost=settings.argon2_time_cost,
        parallel=settings.password_hashes,
        most_waiting=settings.password_queue,
    )
    admins = Admins(AdminRepository(database))
    users = UserService(
        UserRepository(database), admins, passwords, build_tokens(settings), resources.sessions, clock
    )

    course_repository = CourseRepository(database)
    catalogue = Catalogue(course_repository, redis, settings.catalogue_ttl, clock)
    courses = CourseService(course_repository, Contents(course_repository), catalogue, clock)

    signer = CertificateSigner(settings.certificate_key.get_secret_value())
    certificates = CertificateService(CertificateRepository(database), users, signer, clock)

    enrollment_repository = EnrollmentRepository(database)
    seats = SeatKeeper(SeatRepository(database), enrollment_repository, clock)
    enrollments = EnrollmentService(enrollment_repository, seats, courses, certificates, users, clock)
    submissions = SubmissionService(SubmissionRepository(database), courses, enrollments, clock)
    return Services(users, courses, certificates, enrollments, submissions)


def build_canary(settings: Settings, resources: Resources, clock: Clock) -> Canary:
    """Returns what proves that the platform does what it is for."""
    signer = CertificateSigner(settings.certificate_key.get_secret_value())
    return Canary(resources.database, build_tokens(settings), signer, clock)


async def prepare(settings: Settings, services: Services) -> None:
    """Makes sure of what the platform needs before its first request: an admin."""
    admin = Registration(email=settings.admin_email, password=settings.admin_password, name="Administrator")
    await services.users.prepare(admin)


def services_of(request: Request) -> Services:
    """Returns the application's services."""
    found: Services = request.app.state.services
    return found


Lms = Annotated[Services, Depends(services_of)]
