"""The comparison with Flink (bench/peers): what of it can be checked without Java, Maven and time."""
import importlib.util
import os
import pathlib
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ET

from support import TIMEOUT_S, WeirTest

PEERS = pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"


def runner():
    spec = importlib.util.spec_from_file_location("peers_flink", PEERS / "flink.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Peers(WeirTest):
    def test_jobs_are_valid(self):
        jobs = {path.stem for path in (PEERS / "jobs").glob("*.yaml")}
        named = {name for job, (_, source) in runner().JOBS.items() for name in (job, source)}
        self.assertEqual(jobs, named | {"write_bids", "write_clicks"})
        for job in sorted(named):
            self.weir("validate", PEERS / "jobs" / (job + ".yaml"), "-D", "nodes.out.sink=discard", "--set", "input=in")

    def test_inputs_are_written_in_parts_that_differ(self):
        for kind in ("bids", "clicks"):
            self.weir("run", PEERS / "jobs" / f"write_{kind}.yaml", "-p", 2, "--set", "events=1000",
                      "--set", f"output={self.folder}/{kind}")
            parts = [path.read_text().splitlines() for path in sorted((self.folder / kind).iterdir())]
            self.assertEqual([len(part) for part in parts], [461, 461])
            self.assertEqual(parts[0][0], parts[1][0])
            self.assertNotEqual(parts[0][1:], parts[1][1:])

    def test_without_java_nothing_is_run(self):
        said = subprocess.run([sys.executable, "-B", str(PEERS / "flink.py"), "q0"], capture_output=True, text=True,
                              env={**os.environ, "PATH": str(self.folder)}, timeout=TIMEOUT_S)
        self.assertEqual((said.returncode, said.stderr), (0, ""))
        self.assertIn("skipped: Java 17 or later (java) is not installed", said.stdout)

    def test_versions_are_pinned(self):
        space = "{http://maven.apache.org/POM/4.0.0}"
        pom = ET.parse(PEERS / "flink" / "pom.xml").getroot()
        properties = {p.tag.removeprefix(space): p.text for p in pom.find(space + "properties")}
        for part in list(pom.iter(space + "dependency")) + list(pom.iter(space + "plugin")):
            version = part.find(space + "version").text.strip("${}")
            self.assertRegex(properties.get(version, version), r"^\d+\.\d+\.\d+$", part.find(space + "artifactId").text)


if __name__ == "__main__":
    unittest.main()
