"""A PostgreSQL server in a container, by testcontainers."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

REACHED_WITHIN = 60.0
"""Seconds from a server that is ready inside its container to one that answers out here."""


def docker_has(image: str) -> bool | None:
    """Whether Docker has the image here, without asking a registry; None: Docker is silent."""
    import docker
    import docker.errors

    try:
        client = docker.from_env(timeout=5)
        try:
            client.images.get(image)
        finally:
            client.close()
    except docker.errors.ImageNotFound:
        return False
    except docker.errors.DockerException:
        return None
    return True


def wanted_image() -> tuple[str | None, str]:
    """The image to use, or None, and the reason."""
    image = os.environ.get("PGTANDEM_TEST_IMAGE")
    if not image:
        return None, "PGTANDEM_TEST_IMAGE is not set"
    found = docker_has(image)
    if found is None:
        return None, "Docker does not answer"
    return (image, f"container of {image}") if found else (None, f"Docker has no image {image}")


@contextmanager
def postgres_container(image: str, lock: Path) -> Iterator[str]:
    """The superuser's URL of a server in a container that ends with the block.

    `lock` is a file that all workers of a run share: two containers that start at once can be told
    each other's port (Docker 20.10 draws the ports for IPv4 and IPv6 one after the other). The
    database's name is the container's own, so that no worker takes another's server for its.
    """
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.core.config import testcontainers_config

    # Its cleaner of leftovers is another image; without a registry we go without it.
    if not docker_has(testcontainers_config.ryuk_image):
        testcontainers_config.ryuk_disabled = True
    container = PostgresContainer(image, driver=None, dbname=f"test_{secrets.token_hex(4)}")
    try:
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            container.start()
            # testcontainers asks inside the container, where ports are not mapped.
            url = container.get_connection_url()
            refused = _refusal(url)
        if refused:
            wrapped = container.get_wrapped_container()
            wrapped.reload()
            output, errors = container.get_logs()
            raise RuntimeError(
                f"the container of {image} does not answer within {REACHED_WITHIN:.0f} s: "
                f"{refused}\n"
                f"status: {wrapped.status}; ports: {wrapped.ports}\n"
                f"{output.decode()}{errors.decode()}"
            )
        yield url
    finally:
        container.stop()


def _refusal(url: str) -> str | None:
    """Wait until the server answers at the URL; what it said where it never did."""
    deadline = time.monotonic() + REACHED_WITHIN
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                return str(error)
            time.sleep(0.2)
        else:
            return None
