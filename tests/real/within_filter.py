"""Runs a program under a filter of system calls like that of systemd: within_filter.py CALLS PROGRAM ARGUMENT..."""

import errno
import os
import socket
import sys

import seccomp

PROT_WRITE, PROT_EXEC = 2, 4


def conditional(calls):
    """What systemd allows with some arguments only."""
    masked = lambda index, mask: seccomp.Arg(index, seccomp.MASKED_EQ, mask, 0)
    # MemoryDenyWriteExecute: memory is writable or executable, and never becomes executable.
    calls.add_rule(seccomp.ALLOW, "mmap", masked(2, PROT_WRITE))
    calls.add_rule(seccomp.ALLOW, "mmap", masked(2, PROT_EXEC))
    calls.add_rule(seccomp.ALLOW, "mprotect", masked(2, PROT_EXEC))
    calls.add_rule(seccomp.ALLOW, "pkey_mprotect", masked(2, PROT_EXEC))
    # RestrictAddressFamilies
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
        calls.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, int(family)))
    # RestrictNamespaces: glibc falls back to `clone`, of which the flags can be seen.
    calls.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    namespaces = 0x7E020000
    calls.add_rule(seccomp.ALLOW, "clone", masked(0, namespaces))


def main():
    allowed, program = sys.argv[1].split(","), sys.argv[2:]
    calls = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    special = {"mmap", "mprotect", "pkey_mprotect", "socket", "clone", "clone3"}
    for name in sorted(set(allowed) - special):
        try:
            calls.add_rule(seccomp.ALLOW, name)
        except RuntimeError:
            pass  # Of another architecture, or newer than the library.
    conditional(calls)
    calls.load()
    os.execv(program[0], program)


main()
