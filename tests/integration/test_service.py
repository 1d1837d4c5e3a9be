"""A job under a service manager: what it tells, over systemd's socket, and that it goes on where it ended."""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import unittest

from support import BUILD, TIMEOUT_S, WeirTest
from test_upgrade import JOB, lapsing

SILENCE_S = 2  # longer than twenty times what the service manager here wants to hear within


class Service(WeirTest):
    def setUp(self):
        super().setUp()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.listener.close)
        self.listener.settimeout(TIMEOUT_S)
        self.listen(str(self.folder / "notify"))

    def listen(self, name):
        self.listener.bind(name.replace("@", "\0"))
        self.environment["NOTIFY_SOCKET"] = name

    def weir(self, *arguments, **more):
        return super().weir(*arguments, **more, NOTIFY_SOCKET="")

    def told(self):
        return self.listener.recv(65536).decode().splitlines()

    def wait_for(self, line):
        while True:
            told = self.told()
            if line in told:
                return told

    def begin(self, text=JOB, *options):
        process = self.start("run", self.job(text), "--quiet", "--resume-if-any", *options)
        self.assertEqual(self.wait_for("READY=1"), ["READY=1", "STATUS=clicks runs"])
        return process

    def child(self):
        return int((self.folder / "home" / "jobs" / "clicks" / "lock").read_text())

    def record(self):
        return json.loads(self.weir("list", "--output", "json").out)[0]

    def test_ready_and_stopping(self):
        process = self.begin()
        self.assertEqual(self.record()["state"], "running")  # not only about to
        spoken = pathlib.Path(f"/proc/{self.child()}/environ").read_text(encoding="utf-8", errors="replace")
        self.assertIn("WEIR_HOME=", spoken)
        self.assertNotIn("NOTIFY_SOCKET=", spoken)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.told(), ["STOPPING=1", "STATUS=ending"])
        process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.record()["state"], "suspended")

    def test_a_name_without_a_file(self):
        self.listener.close()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.listener.settimeout(TIMEOUT_S)
        self.listen(f"@weir-test-{os.getpid()}")
        self.begin()
        self.weir("cancel", "clicks")
        self.assertIn("STOPPING=1", self.told())

    def test_the_watchdog_hears_of_a_job_that_gets_on_only(self):
        self.environment["WATCHDOG_USEC"] = "100000"
        process = self.begin()
        for _ in range(3):
            self.assertEqual(self.told(), ["WATCHDOG=1"])
        child = self.child()
        os.kill(child, signal.SIGSTOP)
        self.listener.settimeout(SILENCE_S)
        heard = 0
        with self.assertRaises(TimeoutError):
            while heard < 2 + SILENCE_S * 20:  # some were on their way
                self.assertEqual(self.told(), ["WATCHDOG=1"])
                heard += 1
        os.kill(child, signal.SIGCONT)
        self.listener.settimeout(TIMEOUT_S)
        self.assertEqual(self.told(), ["WATCHDOG=1"])
        process.send_signal(signal.SIGTERM)
        self.wait_for("STOPPING=1")
        process.communicate(timeout=TIMEOUT_S)

    def test_the_watchdog_of_another_process(self):
        self.environment.update(WATCHDOG_USEC="1000", WATCHDOG_PID="1")
        process = self.begin()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.told(), ["STOPPING=1", "STATUS=ending"])
        process.communicate(timeout=TIMEOUT_S)

    def test_a_job_that_starts_again(self):
        for how, words in (("segfault", "clicks crashed, and is to start again"),
                           ("error", "clicks failed, and is to start again")):
            at_a_checkpoint = lapsing(how).replace("attempts: 1000, at: 1", "attempts: 1, at: 0")
            process = self.begin(at_a_checkpoint, "--set", f"output={how}/")
            self.weir("checkpoint", "clicks", code=None)  # or it was gone before it could answer
            self.assertEqual(self.told(), [f"STATUS={words}"])
            self.assertEqual(self.told(), ["READY=1", "STATUS=clicks runs"])
            self.weir("cancel", "clicks")
            self.assertIn("STOPPING=1", self.told())
            process.communicate(timeout=TIMEOUT_S)
            shutil.rmtree(self.folder / "checkpoints")

    def test_an_upgrade_keeps_the_service(self):
        process = self.begin()
        self.weir("upgrade", "clicks")
        self.assertEqual(self.told(), ["READY=1", "STATUS=clicks runs"])
        self.weir("cancel", "clicks")
        self.assertIn("STOPPING=1", self.told())
        process.communicate(timeout=TIMEOUT_S)

    def rows(self, folder):
        return sorted(row for path in (self.folder / folder).iterdir() for row in path.read_text().splitlines())

    def test_resume_if_any(self):
        process = self.begin()  # there is none yet
        stopped = self.weir("stop", "clicks").out.strip()
        process.communicate(timeout=TIMEOUT_S)
        metadata = pathlib.Path(stopped) / "_metadata"
        whole = metadata.read_bytes()
        metadata.write_bytes(whole[:-1])
        damaged = self.weir("run", self.job(JOB), "--quiet", "--resume-if-any", code=None)
        self.assertEqual(damaged.code, 1)  # it does not begin again
        self.assertIn("_metadata", damaged.err)
        metadata.write_bytes(whole)
        self.weir("run", self.job(JOB), "--quiet", "--resume-if-any", "--set", "rate=0")
        self.weir("run", self.job(JOB), "--quiet", "--fresh", "--set", "rate=0", "--set", "output=plain/")
        self.assertEqual(self.rows("out"), self.rows("plain"))
        self.assertIn("takes no checkpoints", self.weir("run", self.job(re.sub("checkpoint: .*", "", JOB)), "--resume",
                                                        code=2).err)
        self.weir("run", self.job(re.sub("checkpoint: .*", "", JOB)), "--quiet", "--resume-if-any", "--set", "rate=0",
                  "--set", "output=other/")

    def test_the_unit(self):
        unit = (BUILD / "cli" / "weir@.service").read_text()
        command = shlex.split(re.search("^ExecStart=(.*)$", unit, re.MULTILINE).group(1))
        self.assertEqual(pathlib.Path(command[0]).name, "weir")
        help_text = super().weir(command[1], "--help").out
        for word in command[2:]:
            self.assertTrue(not word.startswith("-") or word in help_text, word)
        self.assertNotIn("@CMAKE", unit)


if __name__ == "__main__":
    unittest.main()
