"""run_scripts/setup.sh: what it installs when, and its errors."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest
import tensorflow.compat.v1 as tf
from absl.testing import parameterized

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = "awk bash cat cmp cp dirname env flock grep mkdir mv rm sleep uname".split()

# Replaces an interpreter: logs in $LOG what it is called to install, and runs $PIP instead of installing it. If its name
# has a version, it suits a TensorFlow only if setup.sh names that version.
PYTHON = """#!/bin/bash
case "$*" in
  "-I -")
    version=${0##*python}
    if [[ $version != 3.* || $(cat) =~ \\"[0-9.\\ ]*${version/./[.]}[0-9.\\ ]*\\" ]]; then echo "$0"; else echo "is CPython $version.1"; fi ;;
  "-m venv "*) echo venv >>"$LOG"; mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo >"$3/pyvenv.cfg" ;;
  "-m pip install "*)
    locks=$(grep -oE '[a-z]+(-[0-9.]+)?[.]txt|--editable' <<<"$*")
    echo "install" $locks >>"$LOG"
    eval "$PIP" ;;
esac
"""


class Checkout:
  """A copy of the files that setup.sh reads, a PATH with only the tools that it uses, an empty home, and a large disk."""

  def __init__(self, folder: str):
    self.root = os.path.join(folder, "a checkout")
    self.bin = os.path.join(folder, "bin")
    self.log_path = os.path.join(folder, "log")
    os.makedirs(os.path.join(self.root, "run_scripts"))
    os.makedirs(self.bin)
    for path in ("run_scripts/setup.sh", "pyproject.toml"):
      shutil.copy(os.path.join(ROOT, path), os.path.join(self.root, path))
    shutil.copytree(os.path.join(ROOT, "requirements"), os.path.join(self.root, "requirements"))
    for tool in TOOLS:
      os.symlink(shutil.which(tool), os.path.join(self.bin, tool))
    self.environment = {"PATH": self.bin, "HOME": folder, "LOG": self.log_path, "PIP": ""}
    self.free_space(1_000_000)

  def command(self, name: str, script: str) -> None:
    """Puts a command on PATH."""
    path = os.path.join(self.bin, name)
    if os.path.lexists(path):
      os.remove(path)
    with open(path, "w", encoding="utf-8") as file:
      file.write(script)
    os.chmod(path, 0o755)

  def free_space(self, mebibytes: int) -> None:
    self.command("df", f"#!/bin/bash\necho /dev/sda1 2000000 1000000 {mebibytes} 50% /\n")

  def start(self, *flags: str, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
      ["bash", os.path.join(self.root, "run_scripts", "setup.sh"), *flags],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      start_new_session=True,
      env={**self.environment, **environment},
    )

  def setup(self, *flags: str, **environment: str) -> tuple[int, list[str], list[str]]:
    """Runs setup.sh; returns its exit status, the lines of its stderr, and what it installed."""
    if os.path.exists(self.log_path):
      os.remove(self.log_path)
    process = self.start(*flags, **environment)
    _, stderr = process.communicate()
    return process.returncode, stderr.splitlines(), self.log()

  def log(self) -> list[str]:
    if not os.path.exists(self.log_path):
      return []
    with open(self.log_path, encoding="utf-8") as file:
      return file.read().splitlines()

  def append(self, path: str) -> None:
    with open(os.path.join(self.root, path), "a", encoding="utf-8") as file:
      file.write("# changed\n")


MADE = ["venv", "install build.txt", "install base.txt cpu.txt"]
MADE_GPU = ["venv", "install build.txt", "install base.txt gpu.txt"]
MADE_221 = ["venv", "install build.txt", "install base-2.21.txt cpu-2.21.txt"]
MADE_221_GPU = ["venv", "install build.txt", "install base-2.21.txt gpu-2.21.txt"]
DEV = ["install dev.txt"]
PROJECT = ["install --editable"]


class SetupTest(tf.test.TestCase, parameterized.TestCase):
  def setUp(self):
    super().setUp()
    folder = tempfile.mkdtemp()
    self.addCleanup(shutil.rmtree, folder)
    self.checkout = Checkout(folder)
    self.checkout.command("python3.11", PYTHON)

  def installs(self, *flags, **environment):
    status, stderr, log = self.checkout.setup(*flags, **environment)
    self.assertEqual(status, 0, stderr)
    return log

  def fails(self, *flags, **environment):
    """Runs setup.sh, which must fail; returns its error, which at most the line that announces the work precedes."""
    status, stderr, _ = self.checkout.setup(*flags, **environment)
    self.assertNotEqual(status, 0)
    self.assertLessEqual(len(stderr), 2, stderr)
    if len(stderr) == 2:
      self.assertIn("some minutes", stderr[0])
    return stderr[-1]

  def test_second_call_does_nothing(self):
    self.assertEqual(self.installs(), MADE + PROJECT)
    status, stderr, log = self.checkout.setup()
    self.assertEqual((status, stderr, log), (0, [], []))

  def test_dev_is_added_and_stays(self):
    self.installs()
    self.assertEqual(self.installs("--dev"), DEV + PROJECT)
    self.assertEqual(self.installs("--dev"), [])
    self.assertEqual(self.installs(), [])

  def test_gpu_replaces_cpu_and_stays(self):
    self.installs("--dev")
    self.assertEqual(self.installs("--gpu"), MADE_GPU + DEV + PROJECT)
    self.assertEqual(self.installs(), [])

  @parameterized.parameters("3.12", "3.13")
  @pytest.mark.slow
  def test_a_later_python_gets_the_tensorflow_for_it(self, version):
    os.remove(os.path.join(self.checkout.bin, "python3.11"))
    self.checkout.command(f"python{version}", PYTHON)
    self.assertEqual(self.installs(), MADE_221 + PROJECT)
    self.assertEqual(self.installs(), [])
    self.assertEqual(self.installs("--dev"), DEV + PROJECT)
    self.assertEqual(self.installs("--gpu"), MADE_221_GPU + DEV + PROJECT)
    self.assertEqual(self.installs(), [])
    self.assertRegex(self.fails("--tensorflow=2.15"), "no CPython 3.9, 3.10 or 3.11 for TensorFlow 2.15 ")
    self.assertEqual(self.installs(), [])

  def test_chosen_tensorflow_replaces_the_other_and_stays(self):
    self.checkout.command("python3.12", PYTHON)
    self.assertEqual(self.installs("--dev"), MADE + DEV + PROJECT)
    self.assertEqual(self.installs("--tensorflow=2.21"), MADE_221 + DEV + PROJECT)
    self.assertEqual(self.installs(), [])
    self.assertEqual(self.installs("--tensorflow=2.15"), MADE + DEV + PROJECT)
    self.assertEqual(self.installs(), [])
    # Python 3.12 has no TensorFlow 2.15.
    self.assertEqual(self.installs(T2T_LOTTERY_PYTHON="python3.12"), MADE_221 + DEV + PROJECT)
    self.assertEqual(self.installs(), [])
    self.assertEndsWith(self.fails("--tensorflow=2.15", T2T_LOTTERY_PYTHON="python3.12"), "which is CPython 3.12.1")
    status, stderr, _ = self.checkout.setup("--tensorflow=2.16")
    self.assertEqual((status, len(stderr)), (2, 1))
    self.assertIn("--tensorflow=2.16: there are locks for TensorFlow 2.15 and 2.21", stderr[0])

  def test_both_tensorflows_run_on_python_311(self):
    self.assertEqual(self.installs("--tensorflow=2.21"), MADE_221 + PROJECT)
    self.assertEqual(self.installs(T2T_LOTTERY_PYTHON="python3.11"), [])

  def test_machines(self):
    self.checkout.command("uname", "#!/bin/bash\necho Darwin arm64\n")
    self.assertEndsWith(self.fails(), "the locks are for Linux on x86_64 and aarch64, not for Darwin arm64")
    self.checkout.command("uname", "#!/bin/bash\necho Linux aarch64\n")
    self.assertIn("TensorFlow 2.15 cannot run tensor2tensor on aarch64", self.fails("--tensorflow=2.15"))
    self.assertIn("--gpu: TensorFlow's wheels for aarch64 have no GPU support", self.fails("--gpu"))
    # The only CPython here is one that both run on.
    self.assertEqual(self.installs(), MADE_221 + PROJECT)
    self.assertEqual(self.installs("--dev"), DEV + PROJECT)
    self.assertEqual(self.installs("--tensorflow=2.21"), [])
    self.checkout.command("python3.9", PYTHON)
    self.assertEndsWith(self.fails(T2T_LOTTERY_PYTHON="python3.9"), "which is CPython 3.9.1")

  def test_only_a_later_tensorflow_is_completed_at_the_start_of_each_script(self):
    self.checkout.command("python3.12", PYTHON)
    make_folder = 'mkdir -p "${0%/bin/*}/lib/python3.1/site-packages"'
    site = os.path.join(self.checkout.root, ".venv", "lib", "python3.1", "site-packages")
    self.installs(PIP=make_folder)
    self.assertEmpty(os.listdir(site))
    self.installs("--tensorflow=2.21", PIP=make_folder)
    self.assertEqual(os.listdir(site), ["t2t_lottery_tensorflow.pth"])

  @parameterized.parameters("build", "base", "cpu", "dev")
  def test_changed_lock_remakes_it(self, lock):
    self.installs("--dev")
    self.checkout.append(f"requirements/{lock}.txt")
    self.assertEqual(self.installs(), MADE + DEV + PROJECT)
    self.assertEqual(self.installs(), [])

  def test_changed_project_file_reinstalls_the_project(self):
    self.installs()
    self.checkout.append("pyproject.toml")
    self.assertEqual(self.installs(), PROJECT)
    self.assertEqual(self.installs(), [])

  def test_moved_checkout_remakes_it(self):
    self.installs()
    os.rename(self.checkout.root, self.checkout.root + " moved")
    self.checkout.root += " moved"
    self.assertEqual(self.installs(), MADE + PROJECT)

  @pytest.mark.slow
  def test_another_python_remakes_it(self):
    self.installs()
    self.checkout.command("other", PYTHON)
    other = os.path.join(self.checkout.bin, "other")
    self.assertEqual(self.installs(T2T_LOTTERY_PYTHON=other), MADE + PROJECT)
    self.assertEqual(self.installs(T2T_LOTTERY_PYTHON=other), [])
    self.assertEqual(self.installs(), [])

  @parameterized.parameters("build.txt", "base.txt", "dev.txt", "--editable")
  def test_interrupted_setup_starts_over(self, where):
    stop = f'[[ "$*" != *{where}* ]] || {{ echo here >>"$LOG"; sleep 60; }}'
    process = self.checkout.start("--dev", PIP=stop)
    while "here" not in self.checkout.log():
      self.assertIsNone(process.poll())
      time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    self.assertEqual(self.installs("--dev"), MADE + DEV + PROJECT)

  def test_old_environment_stays_until_the_new_one_is_complete(self):
    self.installs("--dev")
    before = self.environment()
    self.checkout.append("requirements/cpu.txt")
    for step in ("build.txt", "base.txt", "dev.txt", "--editable"):
      error = self.fails(PIP=f'[[ "$*" != *{step}* ]] || {{ echo "ERROR: none such"; exit 1; }}')
      self.assertEndsWith(error, "/.venv is unchanged")
      self.assertEqual(self.environment(), before)
    self.assertEqual(self.installs(), MADE + DEV + PROJECT)
    self.assertNotEqual(self.environment(), before)
    self.assertEqual([name for name in os.listdir(self.checkout.root) if name.startswith(".venv")], [".venv"])

  def environment(self):
    """The inode of the environment, which must work."""
    venv = os.path.join(self.checkout.root, ".venv")
    self.assertTrue(os.access(os.path.join(venv, "bin", "python"), os.X_OK))
    return os.stat(venv).st_ino

  @parameterized.parameters("requirements/dev.txt", "pyproject.toml")
  def test_failed_addition_leaves_it_intact(self, changed):
    self.installs()
    if changed == "pyproject.toml":
      self.checkout.append(changed)
    self.fails("--dev", PIP='echo "ERROR: none such"; exit 1')
    self.assertEqual(self.installs(), PROJECT if changed == "pyproject.toml" else [])

  def test_environment_in_use_stays(self):
    self.installs()
    before = self.environment()
    with open(os.path.join(self.checkout.root, ".venv", "pyvenv.cfg"), encoding="utf-8") as in_use:
      fcntl.flock(in_use, fcntl.LOCK_SH)
      self.assertEqual(self.installs(), [])  # It is up to date.
      for changed in ("pyproject.toml", "requirements/base.txt"):
        self.checkout.append(changed)
        status, stderr, log = self.checkout.setup()
        self.assertEqual((status, len(stderr), log), (1, 1, []))
        self.assertIn("commands of this project run in it: call again when they have ended", stderr[0])
        self.assertEqual(self.environment(), before)
    self.assertEqual(self.installs(), MADE + PROJECT)

  def test_command_that_starts_during_setup_keeps_its_environment(self):
    self.installs()
    before = self.environment()
    self.checkout.append("requirements/base.txt")
    process = self.checkout.start(PIP='[[ "$*" != *--editable* ]] || { echo here >>"$LOG"; read -r <"$HOME/gate"; }')
    gate = os.path.join(self.checkout.environment["HOME"], "gate")
    os.mkfifo(gate)
    while "here" not in self.checkout.log():
      self.assertIsNone(process.poll())
      time.sleep(0.01)
    with open(os.path.join(self.checkout.root, ".venv", "pyvenv.cfg"), encoding="utf-8") as in_use:
      fcntl.flock(in_use, fcntl.LOCK_SH)
      with open(gate, "w", encoding="utf-8") as opened:
        opened.write("continue\n")
      stderr = process.communicate()[1]
      self.assertEqual(process.returncode, 1)
      self.assertIn("the new environment is complete and stored in ", stderr)
      self.assertEqual(self.environment(), before)
    self.assertEqual(self.installs(), [])
    self.assertNotEqual(self.environment(), before)

  def test_interruption_between_two_renames_loses_nothing(self):
    self.installs()
    venv = os.path.join(self.checkout.root, ".venv")
    os.rename(venv, venv + ".old")
    self.assertEqual(self.installs(), [])

  def test_another_users_environment_stays(self):
    self.installs()
    before = self.environment()
    venv = os.path.join(self.checkout.root, ".venv")
    os.chmod(os.path.join(venv, "bin", "python"), 0o644)
    other = os.stat(venv)
    if os.geteuid() == 0:
      os.chown(venv, 65534, -1)
      status, stderr, log = self.checkout.setup()
      self.assertEqual((status, len(stderr), log), (1, 1, []))
      self.assertIn("is another user's", stderr[0])
      self.assertEqual(os.stat(venv).st_ino, before)
      os.chown(venv, other.st_uid, -1)
    # The user's own is remade next to it.
    self.fails(PIP='echo "ERROR: none such"; exit 1')
    self.assertEqual(os.stat(venv).st_ino, before)

  def test_scripts_contain_the_final_path(self):
    """Uses Python's `venv`, in which only a script is installed, as pip writes it."""
    self.checkout.command(
      "python3.11",
      f"""#!/bin/bash
if [[ "$*" == "-I -" ]]; then echo "$0"
elif [[ $2 == venv ]]; then
  {sys.executable} -m venv --without-pip "${{@:3}}"
  mkdir -p "$3/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/pip"
  echo >"$3/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/pip/__main__.py"
  printf '#!/bin/sh\n%s\n' "exec '$3/bin/python' -c 'import sys; print(sys.prefix)'" >"$3/bin/tool"
  {shutil.which("chmod")} +x "$3/bin/tool"
fi
""",
    )
    self.assertEqual(self.installs(), [])
    venv = os.path.join(self.checkout.root, ".venv")
    for command in ([os.path.join(venv, "bin", "tool")], ["bash", "-c", f". '{venv}/bin/activate'; echo $VIRTUAL_ENV"]):
      done = subprocess.run(command, check=True, capture_output=True, text=True)
      self.assertEqual(done.stdout, venv + "\n")

  def test_two_concurrent_calls_make_it_once(self):
    processes = [self.checkout.start("--dev", PIP="sleep 0.2") for _ in range(2)]
    outputs = [process.communicate()[1] for process in processes]
    self.assertEqual([process.returncode for process in processes], [0, 0], outputs)
    self.assertEqual(self.checkout.log(), MADE + DEV + PROJECT)
    self.assertEqual(sum("waiting" in output for output in outputs), 1, outputs)

  def test_settings_of_the_caller_do_not_leak(self):
    log = self.installs(
      PIP='echo "$PYTHONPATH$PYTHONHOME$PIP_TARGET$PIP_PREFIX$PIP_USER" >>"$LOG"',
      PYTHONPATH="/a",
      PYTHONHOME="/b",
      PIP_TARGET="/c",
      PIP_PREFIX="/d",
      PIP_USER="1",
    )
    self.assertEqual(set(log) - set(MADE + PROJECT), {"0"})

  @parameterized.parameters(
    # What pip 26 prints.
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "no space left"),
    (
      "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
      "does not match the hash in the lock",
    ),
    ("WARNING: Retrying after connection broken by 'ReadTimeoutError(...)': /simple/pip/", "no network"),
    ("ERROR: No matching distribution found for pip==26.3", "pip failed: No matching distribution found for pip==26.3"),
  )
  def test_reports_why_pip_failed(self, output, reason):
    error = self.fails(PIP=f'[[ "$*" != *base.txt* ]] || {{ echo "{output}"; exit 1; }}')
    self.assertIn(reason, error)
    with open(os.path.join(self.checkout.root, ".venv.new", "pip.log"), encoding="utf-8") as file:
      self.assertEqual(file.read(), output + "\n")
    self.assertEqual(self.installs(), MADE + PROJECT)

  def test_no_network(self):
    # A real interpreter and pip, and an index on a port where nothing listens.
    error = self.fails(
      T2T_LOTTERY_PYTHON=sys.executable,
      PIP_INDEX_URL="http://127.0.0.1:9/simple",
      PIP_CONFIG_FILE=os.devnull,
      PIP_RETRIES="1",
    )
    self.assertIn("no network", error)

  def test_no_space(self):
    self.checkout.free_space(2999)
    self.assertRegex(self.fails(), "no space: .* 2999 MiB free and this takes 3000")
    self.checkout.free_space(9999)
    self.assertRegex(self.fails("--gpu"), "no space: .* 9999 MiB free and this takes 10000")
    self.assertFalse(os.path.exists(os.path.join(self.checkout.root, ".venv")))

  def test_no_python(self):
    os.remove(os.path.join(self.checkout.bin, "python3.11"))
    self.assertIn("no CPython 3.9, 3.10, 3.11, 3.12 or 3.13", self.fails())

  def test_reports_unsuitable_pythons(self):
    self.checkout.command("python3.11", "#!/bin/bash\necho lacks the module _ssl\n")
    self.checkout.command("python3.10", "#!/bin/bash\nexit 1\n")
    self.checkout.command("python3", "#!/bin/bash\necho is CPython 3.14.1\n")
    error = self.fails()
    self.assertEndsWith(error, "; python3.11 lacks the module _ssl; python3.10 does not run; python3 is CPython 3.14.1")
    for python, reason in (("python3", "is CPython 3.14.1"), ("/none", "does not run")):
      error = self.fails(T2T_LOTTERY_PYTHON=python)
      self.assertEndsWith(error, f": T2T_LOTTERY_PYTHON is {python}, which {reason}")

  def test_pyenv(self):
    home = self.checkout.environment["HOME"]
    python = os.path.join(home, ".pyenv", "versions", "3.10.7", "bin", "python3")
    os.makedirs(os.path.dirname(python))
    os.rename(os.path.join(self.checkout.bin, "python3.11"), python)
    self.assertEqual(self.installs(), MADE + PROJECT)

  def test_the_preferred_python_comes_first_wherever_it_is(self):
    later = os.path.join(self.checkout.environment["HOME"], ".pyenv", "versions", "3.12.1", "bin", "python3")
    os.makedirs(os.path.dirname(later))
    shutil.copy(os.path.join(self.checkout.bin, "python3.11"), later)
    for tensorflow, python in (("2.21", later), ("2.15", os.path.join(self.checkout.bin, "python3.11"))):
      self.installs(f"--tensorflow={tensorflow}")
      made_from = os.path.join(self.checkout.root, ".venv", "made-from", "python")
      with open(made_from, encoding="utf-8") as file:
        self.assertEqual(file.read(), f"{python}\n")

  def test_no_home(self):
    del self.checkout.environment["HOME"]
    self.assertEqual(self.installs(), MADE + PROJECT)

  def test_symbolic_link_and_cdpath(self):
    link = os.path.join(self.checkout.bin, "set up")
    os.symlink(os.path.join(self.checkout.root, "run_scripts", "setup.sh"), link)
    os.symlink(shutil.which("readlink"), os.path.join(self.checkout.bin, "readlink"))
    # CDPATH leads to another folder of that name.
    other = os.path.join(self.checkout.environment["HOME"], "other", "run_scripts")
    os.makedirs(other)
    environment = {**self.checkout.environment, "CDPATH": os.path.dirname(other)}
    for command, where in ((["bash", link], other), (["bash", "run_scripts/setup.sh"], self.checkout.root)):
      done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
      self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
    self.assertEqual(self.checkout.log(), MADE + PROJECT)

  def test_package_scripts_start_in_a_folder_with_a_space(self):
    # A package's own script as pip installs it, and one that pip generates.
    write = 'printf "#!%s\\n\\"A text.\\"\\nfrom __future__ import division\\nimport sys\\nprint(sys.argv[1:])\\n" "$0" >"${0%/*}/t2t-trainer"'
    self.installs(PIP=write + '; printf "#!/bin/sh\\nexit 7\\n" >"${0%/*}/pip"')
    folder = os.path.join(self.checkout.root, ".venv", "bin")
    self.assertIn(" ", folder)
    python = os.path.join(folder, "python")
    with open(python, "w", encoding="utf-8") as file:
      file.write(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    os.chmod(os.path.join(folder, "t2t-trainer"), 0o755)
    done = subprocess.run([os.path.join(folder, "t2t-trainer"), "a b", "c"], capture_output=True, text=True, check=True)
    self.assertEqual(done.stdout, "['a b', 'c']\n")
    with open(os.path.join(folder, "pip"), encoding="utf-8") as file:
      self.assertEqual(file.read(), "#!/bin/sh\nexit 7\n")

  def test_pip_imports_nothing_from_the_working_folder(self):
    log = self.installs(PIP='echo "in $PWD" >>"$LOG"')
    self.assertEqual({line for line in log if line.startswith("in ")}, {f"in {self.checkout.root}/.venv.new"})

  def test_uv_installs_a_python(self):
    python = os.path.join(self.checkout.bin, "installed")
    os.rename(os.path.join(self.checkout.bin, "python3.11"), python)
    self.checkout.command(
      "uv",
      f'''#!/bin/bash
echo "uv $1 $2" >>"$LOG"
case $2 in install) echo "Installed Python 3.11" >&2 ;; find) echo "{python}" ;; esac
''',
    )
    self.assertEqual(self.installs(), ["uv python install", "uv python find"] + MADE + PROJECT)
    self.checkout.command("uv", "#!/bin/bash\necho 'error: Failed to install' >&2\nexit 1\n")
    shutil.rmtree(os.path.join(self.checkout.root, ".venv"))
    _, stderr, _ = self.checkout.setup()
    self.assertEndsWith(stderr[-1], "; uv: error: Failed to install")

  def test_leaves_the_users_own_environment_alone(self):
    theirs = os.path.join(self.checkout.root, ".venv", "bin")
    os.makedirs(theirs)
    self.assertIn("move it away", self.fails())
    self.assertTrue(os.path.isdir(theirs))

  def test_flags(self):
    status, stderr, _ = self.checkout.setup("--cpu")
    self.assertEqual((status, len(stderr)), (2, 1))
    self.assertIn("unknown flag --cpu", stderr[0])
    process = self.checkout.start("--help")
    self.assertIn("--gpu", process.communicate()[0])
    self.assertEqual(process.returncode, 0)


if __name__ == "__main__":
  tf.test.main()
