//! `permits man`.

use clap::CommandFactory;
use clap_mangen::Man as Page;

use crate::args::{Args, Man};
use crate::end::End;
use crate::failure::Failure;
use crate::out;

pub(crate) fn run(args: &Man) -> Result<End, Failure> {
    let failed = |error| Failure::system("cannot write the man pages", &error);
    let command = Args::command();
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(failed)?;
        clap_mangen::generate_to(command, dir).map_err(failed)?;
    } else {
        let mut page = Vec::new();
        Page::new(command).render(&mut page).map_err(failed)?;
        out::print(&String::from_utf8_lossy(&page))?;
    }
    Ok(End::Code(0))
}
