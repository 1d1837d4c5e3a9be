"""What the integration tests share: the weir program of a build folder, jobs in a folder of their own, the oracles, a
TCP server."""
import collections
import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["WEIR_TEST_BUILD"])
EXAMPLES = SOURCE / "examples"
ORACLES = SOURCE / "tests" / "oracle"
TROUBLESOME = BUILD / "tests" / "integration" / "plugins" / "troublesome.so"
PANES = BUILD / "tests" / "integration" / "plugins" / "panes.so"
DATA = pathlib.Path(os.environ.get("WEIR_TEST_DATA", SOURCE.parent / "shared" / "data"))  # not part of the project
TIMEOUT_S = 120
TELLS_CHECKPOINTS = ["--log", "checkpoint:debug"]  # options of a job whose checkpoints a test waits for

Result = collections.namedtuple("Result", "code out err")


def shared_data(name):
    """A decorator: the test needs this file of real data, and is skipped where it is not."""
    return unittest.skipUnless((DATA / name).exists(), f"{DATA / name} is not here")


class Server:
    """Sends lines to the first client that comes, keeps the connection open until close, on a port that was free."""

    def __init__(self, text):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.finish = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=[text.encode()])
        self.thread.start()

    def serve(self, data):
        try:
            with self.listener.accept()[0] as client:
                client.sendall(data)
                self.finish.wait()
        except OSError:
            pass  # the test is over before a client came, or while we were sending

    def close(self):
        self.finish.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # ends an accept that is still waiting
        self.listener.close()
        self.thread.join()


class WeirTest(unittest.TestCase):
    """A test with a folder of its own, `self.folder`, removed afterwards."""

    maxDiff = 4000

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = {**os.environ, "WEIR_CONFIG": os.devnull, "WEIR_HOME": str(self.folder / "home")}
        for name in ("WEIR_RUN", "WEIR_LOG", "WEIR_PLUGINS", "WEIR_PLUGIN_PATH"):
            self.environment.pop(name, None)

    # ---- the program ----

    def command(self, *arguments):
        return [str(BUILD / "bin" / "weir"), *map(str, arguments)]

    def weir(self, *arguments, code=0, **environment):
        """Runs weir to its end and checks the exit code; code None: any."""
        done = subprocess.run(self.command(*arguments), capture_output=True, timeout=TIMEOUT_S, cwd=self.folder,
                              env={**self.environment, **environment}, text=True, encoding="utf-8", errors="replace",
                              stdin=subprocess.DEVNULL)
        result = Result(done.returncode, done.stdout, done.stderr)
        if code is not None and result.code != code:
            self.fail(f"{self.command(*arguments)}: expected exit code {code}, found {result}")
        return result

    def start(self, *arguments, **options):
        """Starts weir with pipes; killed when the test ends."""
        process = subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder,
                                   env=self.environment, text=True, encoding="utf-8", stdin=subprocess.DEVNULL, **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def line_of(process):
        """The next line that the program prints; "" when it ended, or nothing came in time."""
        watch = threading.Timer(TIMEOUT_S, process.kill)
        watch.start()
        try:
            return process.stdout.readline()
        finally:
            watch.cancel()

    @staticmethod
    @contextlib.contextmanager
    def checkpoints_of(process):
        """The numbers of checkpoints as they become complete, until the end of a job that has TELLS_CHECKPOINTS."""
        watch = threading.Timer(TIMEOUT_S, process.kill)
        watch.start()
        found = (re.search(r"checkpoint (\d+) is complete", line) for line in process.stderr)
        try:
            yield (int(told[1]) for told in found if told)
        finally:
            watch.cancel()

    def wait_for_checkpoint(self, process, least=0):
        """The first one with this number or a greater one; None: the job has ended, and well."""
        with self.checkpoints_of(process) as numbers:
            found = next((number for number in numbers if number >= least), None)
        if found is None:
            self.assertEqual(process.wait(), 0)
        return found

    def checkpoints(self):
        """The numbers of those that are there and complete."""
        folder = self.folder / "checkpoints"
        names = os.listdir(folder) if folder.exists() else []
        return {int(name[4:]) for name in names if name.startswith("chk-") and not name.endswith(".tmp")}

    @staticmethod
    def looks(process):
        """Comes now and then while a process runs, and no more when it has ended: for what nobody tells of."""
        while process.poll() is None:
            yield
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.01)

    def wait_for_death(self, pid):
        """Of a process that need not be our child."""
        with contextlib.suppress(ProcessLookupError):
            life = os.pidfd_open(pid)
            self.addCleanup(os.close, life)
            self.assertTrue(select.select([life], [], [], TIMEOUT_S)[0], f"process {pid} lives on")

    @staticmethod
    def kill_all(process):
        """The supervisor and its child, where they have a session of their own; they hold nothing any more."""
        os.killpg(process.pid, signal.SIGSTOP)  # so that no child is made meanwhile
        group = WeirTest.group_of(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        for life in group:
            ended = select.select([life], [], [], TIMEOUT_S)[0]
            os.close(life)
            assert ended, "a process lives on that was killed"
        process.communicate(timeout=TIMEOUT_S)

    @staticmethod
    def group_of(leader):
        """Descriptors that become readable when its processes are gone, with all that they had open."""
        lives = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(int(pid)) == leader:
                    lives.append(os.pidfd_open(int(pid)))
        return lives

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()

    def interrupt(self, process):
        """Ctrl-C, and what came of it."""
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
        return Result(process.returncode, out, err)

    def run_job(self, manifest, *options, **settings):
        """Runs a job with --set; returns the totals and the nodes' counters."""
        sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        done = self.weir("run", manifest, "--output", "json", *sets, *options)
        totals = json.loads(done.out.splitlines()[-1])
        totals["nodes"] = {node["id"]: node for node in totals["nodes"]}
        totals["printed"] = done.out.splitlines()[:-1]
        return totals

    # ---- jobs and files ----

    def job(self, text, name="job.yaml"):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8", newline="\n")
        return path

    def server(self, text):
        server = Server(text)
        self.addCleanup(server.close)
        return server

    @staticmethod
    def sorted_lines(path):
        """Header first, then the records in an order that does not depend on the run."""
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines(keepends=True)
        return lines[:1] + sorted(lines[1:])

    @staticmethod
    def oracle(name, *arguments):
        """What the oracle prints, as sorted_lines gives it; and what it says on standard error."""
        done = subprocess.run([sys.executable, "-B", str(ORACLES / name), *map(str, arguments)],
                              capture_output=True, check=True, text=True, encoding="utf-8")
        lines = done.stdout.splitlines(keepends=True)
        return lines[:1] + sorted(lines[1:]), done.stderr
