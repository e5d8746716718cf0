//! Does the Python door work on every CPython of this machine? Builds the wheel once, and tests it in an
//! environment of its own for each.

use std::collections::VecDeque;
use std::error::Error;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What makes the wheel. `python/pyproject.toml` has the range that users build with.
const MATURIN: &str = "maturin==1.16.0";

/// The oldest minor version of CPython 3 that the wheel is for.
const OLDEST: u32 = 9;

/// Tells a line each: implementation, version, minor version, whether it runs without the GIL, and what is
/// missing for the tests.
const ABOUT: &str = "\
import importlib.util as u, platform, sys, sysconfig
print(sys.implementation.name)
print(platform.python_version())
print(sys.version_info[1] if sys.version_info[0] == 3 else 0)
print(sysconfig.get_config_var('Py_GIL_DISABLED') or 0)
missing = [name for name in ('venv', 'ensurepip') if not u.find_spec(name)]
if not (u.find_spec('test') and u.find_spec('test.lock_tests') and u.find_spec('test.test_asyncio')):
    missing.append('test')
print(' '.join(missing))
";

/// What has to be among the packed sources, besides what maturin needs to build from them.
const SOURCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT", "README.md", "python/Cargo.lock", "permits/py.typed"];

pub(crate) struct Options {
    /// Empty: all that are found.
    pythons: Vec<PathBuf>,
    pytest: Vec<String>,
    /// Tests that are left out for want of something are failures.
    all: bool,
}

impl Options {
    pub(crate) fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options { pythons: Vec::new(), pytest: Vec::new(), all: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--" => options.pytest.extend(args.by_ref().cloned()),
                "--python" => {
                    let path = args.next().ok_or("`--python` wants the path of an interpreter")?;
                    // The commands run in other directories.
                    options.pythons.push(std::path::absolute(path)?);
                }
                other => {
                    let why = format!("`cargo xtask python` knows no `{other}`: options of pytest follow `--`");
                    return Err(why.into());
                }
            }
        }
        Ok(options)
    }
}

#[derive(Debug)]
struct Interpreter {
    path: PathBuf,
    version: String,
    minor: u32,
    without_gil: bool,
    missing: Vec<String>,
}

impl Interpreter {
    /// Grows with its version.
    fn number(&self) -> (u32, u32) {
        (self.minor, self.version.rsplit('.').next().and_then(|micro| micro.parse().ok()).unwrap_or(0))
    }
}

/// Where all of it lies: below `target`, made anew each time but for what the compiler keeps.
struct Workshop<'a> {
    root: &'a Path,
    folder: PathBuf,
    start: Instant,
}

/// Builds and tests on all interpreters that are found, and leaves no test out.
pub(crate) fn check(root: &Path) -> Result<()> {
    run(root, &Options { pythons: Vec::new(), pytest: Vec::new(), all: true })
}

/// Builds, installs and tests; fails if anything does on any interpreter.
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let shop = Workshop { root, folder: root.join("target/python"), start: Instant::now() };
    let pythons = match options.pythons.as_slice() {
        [] => found()?,
        named => named.iter().map(|path| asked(path)).collect::<Result<_>>()?,
    };
    let (left_out, mut pythons): (Vec<_>, Vec<_>) = pythons.into_iter().partition(|python| python.without_gil);
    for python in left_out {
        shop.say(&format!(
            "left out {} {}: the wheel is for interpreters with a GIL",
            python.version,
            python.path.display()
        ));
    }
    pythons.sort_by_key(Interpreter::number);
    let newest = pythons.last().ok_or(
        "found no CPython 3.9 or newer: looked for python3 and python3.N in PATH, /usr/bin and /usr/local/bin, and in pyenv's \
         versions; name one with `--python PATH`",
    )?;
    for python in &pythons {
        shop.say(&format!("found {} {}", python.version, python.path.display()));
    }
    complete(&pythons)?;

    let wheel = shop.build(newest)?;
    let (passed, failed) = shop.test_all(&pythons, &wheel, options);
    if !failed.is_empty() {
        return Err(format!("failed on {}", failed.join(", ")).into());
    }
    shop.say(&format!("passed on {}", passed.join(", ")));
    Ok(())
}

/// Every CPython of this machine that is new enough, each version once.
fn found() -> Result<Vec<Interpreter>> {
    let mut pythons: Vec<Interpreter> = Vec::new();
    for path in candidates() {
        // What is found by its name alone may be anything: a shim without a version, a broken link.
        let Ok(python) = asked(&path) else { continue };
        if !pythons.iter().any(|known| (&known.version, known.without_gil) == (&python.version, python.without_gil)) {
            pythons.push(python);
        }
    }
    Ok(pythons)
}

fn candidates() -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let pyenv = set("PYENV_ROOT").or_else(|| Some(set("HOME")?.join(".pyenv")));
    let versions = pyenv.and_then(|pyenv| fs::read_dir(pyenv.join("versions")).ok());
    let mut paths: Vec<PathBuf> =
        versions.into_iter().flatten().flatten().map(|version| version.path().join("bin/python")).collect();

    let mut folders = vec![PathBuf::from("/usr/bin"), PathBuf::from("/usr/local/bin")];
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    for folder in folders {
        let names = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let interpreters = names.filter(|name| is_interpreter(name));
        paths.extend(interpreters.map(|name| folder.join(name)));
    }
    paths
}

/// `python3` and `python3.12`, but not `python3-config`.
fn is_interpreter(name: &OsStr) -> bool {
    let Some(rest) = name.to_str().and_then(|name| name.strip_prefix("python3")) else { return false };
    rest.is_empty()
        || rest.strip_prefix('.').is_some_and(|minor| minor.parse::<u32>().is_ok_and(|minor| minor >= OLDEST))
}

/// Asks an interpreter what it is; an error if the wheel is not for it.
fn asked(path: &Path) -> Result<Interpreter> {
    let not = |why: &str| format!("`{}` will not do: {why}", path.display());
    let output = clean(path).args(["-I", "-c", ABOUT]).stdin(Stdio::null()).output();
    let output = output.map_err(|why| not(&why.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let mut line = || lines.next().unwrap_or_default();
    let (implementation, version, minor) = (line(), line(), line().parse().unwrap_or(0));
    if !output.status.success() || implementation != "cpython" || minor < OLDEST {
        let what = if version.is_empty() { "it does not run" } else { &format!("it is {implementation} {version}") };
        return Err(not(&format!("{what}, and CPython 3.{OLDEST} or newer is wanted")).into());
    }
    Ok(Interpreter {
        path: path.to_owned(),
        version: version.to_owned(),
        minor,
        without_gil: line() == "1",
        missing: line().split_whitespace().map(str::to_owned).collect(),
    })
}

/// Says what to install, for all interpreters at once, before anything is built.
fn complete(pythons: &[Interpreter]) -> Result<()> {
    let mut text = String::new();
    for python in pythons.iter().filter(|python| !python.missing.is_empty()) {
        let (path, minor) = (python.path.display(), python.minor);
        text += &format!("\n  {path} ({}) has no module `{}`", python.version, python.missing.join("`, `"));
        if python.path.starts_with("/usr/bin") {
            let package = |module: &String| match module.as_str() {
                "test" => format!("libpython3.{minor}-testsuite"),
                _ => format!("python3.{minor}-venv"),
            };
            let mut packages: Vec<String> = python.missing.iter().map(package).collect();
            packages.dedup();
            text += &format!(": on Debian, apt-get install {}", packages.join(" "));
        } else {
            text += ": some distributions leave it out; install the rest of it";
        }
    }
    match text.as_str() {
        "" => Ok(()),
        text => Err(format!("the tests need more of Python (or other interpreters, by `--python PATH`):{text}").into()),
    }
}

impl Workshop<'_> {
    fn say(&self, what: &str) {
        println!("{:7.1} s  {what}", self.start.elapsed().as_secs_f64());
    }

    /// The wheel, as a user's `pip install ./python` would have it.
    fn build(&self, python: &Interpreter) -> Result<PathBuf> {
        fs::create_dir_all(&self.folder)?;
        let log = Log::new(self.folder.join("build.log"))?;
        let tool = self.environment("build", python, &[MATURIN.as_ref()], &log)?;
        self.say(&format!("installed {MATURIN}"));

        let wheels = self.folder.join("wheel");
        remove(&wheels)?;
        let mut maturin = clean(&tool.join("bin/maturin"));
        maturin.args(["build", "--release", "--locked", "--manifest-path"]).arg(self.root.join("python/Cargo.toml"));
        maturin.arg("--interpreter").arg(&python.path).arg("--out").arg(&wheels);
        maturin.arg("--target-dir").arg(self.root.join("target/python-rust"));
        log.run(&mut maturin)?;
        let mut made = fs::read_dir(&wheels)?.collect::<std::io::Result<Vec<_>>>()?;
        let (Some(wheel), 0) = (made.pop(), made.len()) else {
            return Err(format!("maturin did not make one wheel in {}", wheels.display()).into());
        };
        self.say(&format!("built {}", wheel.file_name().display()));
        self.pack_sources(&tool)?;
        Ok(wheel.path())
    }

    /// The sources, as `pip` takes them where no wheel fits. Building from them would take as long again: only what
    /// is in them is looked at.
    fn pack_sources(&self, tool: &Path) -> Result<()> {
        let log = Log::new(self.folder.join("sources.log"))?;
        let folder = self.folder.join("sources");
        remove(&folder)?;
        let mut maturin = clean(&tool.join("bin/maturin"));
        maturin.args(["sdist", "--manifest-path"]).arg(self.root.join("python/Cargo.toml")).arg("--out").arg(&folder);
        log.run(&mut maturin)?;
        let packed = fs::read_dir(&folder)?.next().ok_or("maturin packed no sources")??;
        log.run(clean(&tool.join("bin/python")).args(["-m", "tarfile", "--list"]).arg(packed.path()))?;
        let list = fs::read_to_string(&log.path)?;
        // Each path starts with the name and version of the package.
        let has =
            |wanted: &str| list.lines().any(|line| line.trim().split_once('/').is_some_and(|(_, path)| path == wanted));
        let missing: Vec<&str> = SOURCES.iter().copied().filter(|wanted| !has(wanted)).collect();
        if !missing.is_empty() {
            return Err(format!("{} has no {}", packed.path().display(), missing.join(", ")).into());
        }
        self.say(&format!("packed {}", packed.file_name().display()));
        Ok(())
    }

    /// As many interpreters at a time as there are cores. Gives those that passed, and those that failed.
    fn test_all(&self, pythons: &[Interpreter], wheel: &Path, options: &Options) -> (Vec<String>, Vec<String>) {
        // The newest first: it has the most to do.
        let queue = Mutex::new(pythons.iter().rev().collect::<VecDeque<_>>());
        let verdicts = Mutex::new((Vec::new(), Vec::new()));
        let worker = || {
            loop {
                let Some(python) = queue.lock().expect("nobody panics with the queue").pop_front() else { return };
                let newest = std::ptr::eq(python, &pythons[pythons.len() - 1]);
                let outcome = self.test(python, wheel, options, newest);
                let mut verdicts = verdicts.lock().expect("nobody panics with the verdicts");
                match outcome {
                    Ok(()) => verdicts.0.push(python.version.clone()),
                    Err(why) => {
                        self.say(&format!("{}: FAILED: {why}", python.version));
                        verdicts.1.push(python.version.clone());
                    }
                }
            }
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..cores.min(pythons.len()) {
                scope.spawn(worker);
            }
        });
        verdicts.into_inner().expect("nobody panics with the verdicts")
    }

    fn test(&self, python: &Interpreter, wheel: &Path, options: &Options, newest: bool) -> Result<()> {
        let version = &python.version;
        let log = Log::new(self.folder.join(format!("{version}.log")))?;
        let tests = self.root.join("python/tests");
        let requirements = tests.join("requirements.txt");
        let environment =
            self.environment(version, python, &[wheel.as_ref(), "-r".as_ref(), requirements.as_ref()], &log)?;

        let mut tester = self.tool("pytest", &environment);
        tester.arg("-c").arg(self.root.join("python/pyproject.toml"));
        tester.arg("-o").arg(format!("cache_dir={}", self.folder.join("pytest-cache").display()));
        if options.all {
            tester.env("PERMITS_TEST_ALL", "1");
        }
        if !newest {
            // What needs a server is for the newest alone, but for a smoke test.
            tester.env("PERMITS_TEST_OTHER", "1");
        }
        // Files are named as one sees them in `python`.
        let (files, others): (Vec<_>, Vec<_>) =
            options.pytest.iter().partition(|argument| argument.starts_with("tests/"));
        tester.args(others).args(files.iter().map(|file| self.root.join("python").join(file)));
        if files.is_empty() {
            tester.arg(&tests);
        }
        log.run(&mut tester)?;
        for line in log.text()?.lines().filter(|line| line.starts_with("SKIPPED")) {
            self.say(&format!("{version}: {line}"));
        }
        self.say(&format!("{version}: {}", log.last_line()?));

        if newest {
            let requirements = tests.join("requirements-typing.txt");
            log.run(pip(&environment).arg("-r").arg(requirements))?;
            let sample = tests.join("typing_sample.py");
            let checks: [&[&OsStr]; 2] = [
                &["-m", "mypy.stubtest", "permits"].map(OsStr::new),
                &["-m".as_ref(), "mypy".as_ref(), "--strict".as_ref(), sample.as_ref()],
            ];
            for check in checks {
                log.run(self.tool("python", &environment).args(check))?;
                self.say(&format!("{version}: {}", log.last_line()?));
            }
        }
        Ok(())
    }

    /// A program of an environment, in a directory without a `permits`: in `python`, Python would find the
    /// sources in the place of what was installed.
    fn tool(&self, name: &str, environment: &Path) -> Command {
        let mut command = clean(&environment.join("bin").join(name));
        command.current_dir(&self.folder);
        command
    }

    /// A new virtual environment with `packages` in it.
    fn environment(&self, name: &str, python: &Interpreter, packages: &[&OsStr], log: &Log) -> Result<PathBuf> {
        let environment = self.folder.join(format!("venv-{name}"));
        remove(&environment)?;
        log.run(clean(&python.path).args(["-m", "venv"]).arg(&environment))?;
        log.run(pip(&environment).args(packages))?;
        Ok(environment)
    }
}

/// `pip install`, with the packages still to be said.
fn pip(environment: &Path) -> Command {
    let mut pip = clean(&environment.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip
}

/// A command that knows nothing of the environments and paths of the caller's Python.
fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "MYPYPATH", "PYTEST_ADDOPTS"] {
        command.env_remove(name);
    }
    // Sources stay free of compiled files.
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
    command
}

/// What the commands for one interpreter print; it is shown when one of them fails.
struct Log {
    path: PathBuf,
}

impl Log {
    fn new(path: PathBuf) -> Result<Log> {
        File::create(&path)?;
        Ok(Log { path })
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let mut file = File::options().append(true).open(&self.path)?;
        let words = std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_string_lossy);
        writeln!(file, "$ {}", words.collect::<Vec<_>>().join(" "))?;
        let begin = file.metadata()?.len();
        let status = command.stdout(file.try_clone()?).stderr(file).status();
        let program = Path::new(command.get_program()).display();
        let status = status.map_err(|why| format!("cannot run `{program}`: {why}"))?;
        if status.success() {
            return Ok(());
        }
        let text = fs::read(&self.path)?;
        let text = text.get(begin as usize..).unwrap_or_default();
        Err(format!("`{program}`: {status}; {}:\n{}", self.path.display(), String::from_utf8_lossy(text)).into())
    }

    fn text(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.path)?).into_owned())
    }

    /// The verdict of the tools that run here stands in their last line.
    fn last_line(&self) -> Result<String> {
        Ok(self.text()?.lines().next_back().unwrap_or_default().trim_matches(['=', ' ']).to_owned())
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {why}", folder.display()).into())
        }
        _ => Ok(()),
    }
}
