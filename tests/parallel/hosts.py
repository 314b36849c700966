"""Two machines for tests and benchmarks: network namespaces with a cable between them, and for tests an ssh server.

Everything is made here and goes away again: the namespaces, the servers' keys, their configuration. Only root can.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parallel.conftest import environment

ADDRESSES = ("10.79.0.1", "10.79.0.2")
_PORT = 2222
_SERVER = """
Port {port}
ListenAddress {address}
HostKey {folder}/key
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
"""
_CLIENT = """#!/bin/sh
exec ssh -p {port} -i {folder}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"
"""
PROGRAMS = ("ip", "ssh", "sshd", "ssh-keygen", "unshare", "mount")


def program(name):
    """Where a program is; servers lie in places that not everybody searches."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def why_not():
    """What is missing for such machines; None if nothing is."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need root on Linux"
    missing = [name for name in PROGRAMS if program(name) is None]
    if missing:
        return f"these programs are missing: {', '.join(missing)}"
    tried = _run("ip", "netns", "add", "striate-probe")
    if tried.returncode:
        return f"no network namespace can be made here: {tried.stderr.strip()}"
    _run("ip", "netns", "del", "striate-probe")
    return None


def _run(*words):
    return subprocess.run([program(words[0]), *words[1:]], capture_output=True, text=True, check=False)


def _must(*words):
    done = _run(*words)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")


@dataclass
class Hosts:
    """The machines. spaces: the names of their namespaces; folder: keys and the launcher's program."""

    spaces: tuple[str, str]
    folder: Path

    @property
    def names(self) -> str:
        """What `--hosts` is given."""
        return ",".join(ADDRESSES)

    def begin(self, words, folder, **settings):
        """A command under way on the first machine; mpiexec reaches the second one by ssh, MPI by TCP."""
        more = {"HYDRA_LAUNCHER": "ssh", "HYDRA_LAUNCHER_EXEC": str(self.folder / "ssh"), "HYDRA_IFACE": "cable",
                "MPIR_CVAR_CH4_NETMOD": "ofi", "FI_PROVIDER": "tcp"}
        return subprocess.Popen([*self._within(0), *map(str, words)], cwd=folder, text=True,
                                env=environment(**more, **settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, words, folder, seconds=1200, **settings):
        """(exit code, standard output, standard error) of a command on the first machine."""
        job = self.begin(words, folder, **settings)
        try:
            said, words = job.communicate(timeout=seconds)
        finally:
            if job.poll() is None:
                job.kill()
        return job.returncode, said, words

    def _within(self, number):
        """What stands before a command that runs on a machine, which has a name of its own."""
        space = self.spaces[number]
        return [program("ip"), "netns", "exec", space, program("unshare"), "-u", "sh", "-c",
                f'echo {space} > /proc/sys/kernel/hostname; exec "$@"', "sh"]

    def serve(self):
        """The ssh server of the second machine, under way. Its /run is its own."""
        (self.folder / "sshd").write_text(_SERVER.format(port=_PORT, address=ADDRESSES[1], folder=self.folder))
        start = f"mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec {program('sshd')} -D -e -f \"$1\""
        return subprocess.Popen([*self._within(1), "sh", "-c", start, "sh", self.folder / "sshd"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def cut(self):
        """Takes the cable out."""
        _must("ip", "-n", self.spaces[0], "link", "set", "cable", "down")

    def answers(self):
        """Whether ssh works."""
        words = [*self._within(0), self.folder / "ssh", ADDRESSES[1], "true"]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _until(ready, words):
    deadline = time.monotonic() + 600  # A machine may be busy with other things.
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(words)
        time.sleep(0.1)


@contextmanager
def two_spaces(addresses):
    """Two network namespaces, each with one of the addresses at its end, named `cable`, of a cable between them that
    carries; gives their names.

    MPI and ssh find no network card but the loopback as long as the other one is not running, and the kernel says that
    it is up to a second late.
    """
    spaces = tuple(f"striate-{end}{os.getpid()}" for end in "ab")
    try:
        for space in spaces:
            _must("ip", "netns", "add", space)
        _must("ip", "link", "add", "cable", "netns", spaces[0], "type", "veth", "peer", "name", "cable",
              "netns", spaces[1])
        for space, address in zip(spaces, addresses, strict=True):
            _must("ip", "-n", space, "addr", "add", f"{address}/24", "dev", "cable")
            for device in ("cable", "lo"):
                _must("ip", "-n", space, "link", "set", device, "up")
        _until(lambda: all(_carries(space) for space in spaces), "The cable carries nothing.")
        yield spaces
    finally:
        for space in spaces:
            for process in _run("ip", "netns", "pids", space).stdout.split():  # What a cable that was cut left behind.
                os.kill(int(process), signal.SIGKILL)
            _run("ip", "netns", "del", space)


def _carries(space):
    """Whether the kernel says that the cable's end there is running."""
    return "state UP" in _run("ip", "-n", space, "link", "show", "cable").stdout


@contextmanager
def two_hosts(folder):
    """Two machines, `folder` holding what they need."""
    (folder / "ssh").write_text(_CLIENT.format(port=_PORT, folder=folder))
    (folder / "ssh").chmod(0o755)
    _must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key"))
    with two_spaces(ADDRESSES) as spaces:
        found = Hosts(spaces, folder)
        server = found.serve()
        try:
            _until(lambda: found.answers() or server.poll() is not None, "The ssh server does not answer.")
            if server.poll() is not None:
                raise RuntimeError(f"The ssh server has ended: {server.communicate()[0]}")
            yield found
        finally:
            server.kill()
            server.wait()
