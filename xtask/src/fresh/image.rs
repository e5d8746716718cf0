//! The image, and what is put beside it: the user's home with a copy of the checkout, and a temporary directory.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The release of Debian, and all that is in the image beside its smallest variant.
const SUITE: &str = "bookworm";
const PACKAGES: &str = "gcc,libc6-dev,git,ca-certificates";

/// The ordinary user.
pub(super) const UID: u32 = 1000;

/// All that the machine is made of, as paths of the host. What was written is removed when this is dropped, but for
/// the image.
pub(super) struct Workshop {
    image: PathBuf,
    scratch: PathBuf,
    toolchain: PathBuf,
    registry: PathBuf,
}

impl Workshop {
    pub(super) fn make(root: &Path) -> Result<Workshop, Box<dyn Error>> {
        let folder = root.join("target/fresh");
        fs::create_dir_all(&folder)?;
        let workshop = Workshop {
            image: image(&folder)?,
            scratch: folder.join("scratch"),
            toolchain: toolchain(root)?,
            registry: registry(root)?,
        };
        workshop.clear()?;
        workshop.furnish(root)?;
        Ok(workshop)
    }

    /// What [`inside`](super::inside) takes first.
    pub(super) fn paths(&self) -> [&Path; 4] {
        [&self.image, &self.scratch, &self.toolchain, &self.registry]
    }

    fn clear(&self) -> Result<(), Box<dyn Error>> {
        if self.scratch.exists() {
            fs::remove_dir_all(&self.scratch)?;
        }
        Ok(())
    }

    /// Makes the homes and the temporary directory, and copies all files of the checkout that git knows or would add.
    fn furnish(&self, root: &Path) -> Result<(), Box<dyn Error>> {
        let home = self.scratch.join("home");
        // The crates as they were fetched. They are unpacked there: some packages have files that only the user who
        // has unpacked them may read.
        for folder in ["home/permits", "home/.cargo/registry/cache", "home/.cargo/registry/index", "root", "tmp"] {
            fs::create_dir_all(self.scratch.join(folder))?;
        }
        fs::set_permissions(self.scratch.join("tmp"), Permissions::from_mode(0o1777))?;
        for folder in ["", ".cargo", ".cargo/registry", "permits"] {
            chown(home.join(folder), Some(UID), Some(UID))?;
        }
        let listed = answer(Command::new("git").args(["ls-files", "-coz", "--exclude-standard"]).current_dir(root))?;
        for name in listed.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
            let name = PathBuf::from(OsString::from_vec(name.to_owned()));
            let (from, to) = (root.join(&name), home.join("permits").join(&name));
            let mut missing = to.ancestors().skip(1).take_while(|folder| !folder.exists()).collect::<Vec<_>>();
            while let Some(folder) = missing.pop() {
                fs::create_dir(folder)?;
                chown(folder, Some(UID), Some(UID))?;
            }
            match from.symlink_metadata() {
                // Removed, and not committed yet.
                Err(_) => continue,
                Ok(found) if found.is_symlink() => symlink(fs::read_link(&from)?, &to)?,
                Ok(_) => drop(fs::copy(&from, &to)?),
            }
            std::os::unix::fs::lchown(&to, Some(UID), Some(UID))?;
        }
        Ok(())
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if let Err(error) = self.clear() {
            eprintln!("fresh: cannot remove what is left in {}: {error}", self.scratch.display());
        }
    }
}

/// The image, made once.
fn image(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let image = folder.join(SUITE);
    if image.exists() {
        return Ok(image);
    }
    let unfinished = folder.join("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    if answer(Command::new("debootstrap").arg("--version")).is_err() {
        let apt = |args: &[&str]| done(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"));
        apt(&["update", "-qq"])?;
        apt(&["install", "-y", "-qq", "--no-install-recommends", "debootstrap"])?;
    }
    eprintln!("fresh: making an image of Debian {SUITE} with {PACKAGES}");
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE]).arg(&unfinished);
    // It says a line a package.
    answer(&mut debootstrap)?;
    for folder in ["opt/rust", "home/user"] {
        fs::create_dir_all(unfinished.join(folder))?;
    }
    for (file, line) in [
        ("etc/passwd", format!("user:x:{UID}:{UID}::/home/user:/bin/bash\n")),
        ("etc/group", format!("user:x:{UID}:\n")),
    ] {
        let path = unfinished.join(file);
        fs::write(&path, fs::read_to_string(&path)? + &line)?;
    }
    fs::rename(&unfinished, &image)?;
    Ok(image)
}

/// The toolchain that this program is run by.
fn toolchain(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let printed = answer(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root))?;
    let sysroot = PathBuf::from(String::from_utf8(printed)?.trim());
    if sysroot == Path::new("/usr") || !sysroot.join("bin/cargo").exists() {
        let why = format!("`{}` is no toolchain that can be moved: it has to be one of rustup's", sysroot.display());
        return Err(why.into());
    }
    Ok(sysroot)
}

/// The crates that the workspace needs, fetched.
fn registry(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    done(Command::new("cargo").args(["fetch", "--locked", "--quiet"]).current_dir(root))?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registry = home.ok_or("neither CARGO_HOME nor HOME is set")?.join("registry");
    if !registry.is_dir() {
        return Err(format!("there are no crates in `{}`", registry.display()).into());
    }
    Ok(registry)
}

/// Runs a command to its end, and shows what it prints.
fn done(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let status = command.status().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}").into()) }
}

/// What a command prints, which is shown if it fails.
fn answer(command: &mut Command) -> Result<Vec<u8>, Box<dyn Error>> {
    let output = command.output().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{command:?} failed: {}\n{}", output.status, String::from_utf8_lossy(&said)).into())
}
