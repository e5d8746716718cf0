//! The commands that the README gives.

use std::error::Error;

/// What is run on the machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The first command, and the tests, as a user and as root.
    Commands,
    /// The installation too.
    Installation,
    /// Another command, as the user.
    Other(String),
}

/// Who runs a command.
pub(super) const USER: &str = "user";
pub(super) const ROOT: &str = "root";

/// The commands of the README that a newcomer meets.
#[derive(Debug)]
pub(super) struct Commands {
    first: String,
    test: String,
    install: String,
}

impl Commands {
    pub(super) fn of(readme: &str) -> Result<Commands, Box<dyn Error>> {
        let lines: Vec<&str> = shell_lines(readme).collect();
        let first = *lines.first().ok_or("the README has no block of `sh`")?;
        let named = |start: &str| {
            let mut found = lines.iter().filter(|line| line.starts_with(start));
            found.next().copied().ok_or_else(|| format!("the README has no command `{start}`"))
        };
        let (test, install) = (named("cargo test")?, named("cargo install")?);
        if !first.starts_with("cargo run") {
            return Err(format!(
                "the README's first command is `{first}`, and `cargo run` would need nothing before it"
            )
            .into());
        }
        Ok(Commands { first: first.to_owned(), test: test.to_owned(), install: install.to_owned() })
    }

    /// Who runs what, in turn: pairs of words.
    pub(super) fn steps(&self, part: &Part) -> Vec<String> {
        if let Part::Other(command) = part {
            return vec![USER.to_owned(), command.clone()];
        }
        let mut steps = vec![(USER, self.first.as_str()), (USER, &self.test), (ROOT, &self.test)];
        if *part == Part::Installation {
            steps.extend([(USER, self.install.as_str()), (USER, "permits run --max 2 build -- true")]);
        }
        steps.into_iter().flat_map(|(who, command)| [who.to_owned(), command.to_owned()]).collect()
    }
}

/// The lines of all blocks of `sh`, without their comments.
fn shell_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut language = None;
    let lines = text.lines().filter(move |line| match (line.strip_prefix("```"), language) {
        (Some(_), Some(_)) => {
            language = None;
            false
        }
        (Some(name), None) => {
            language = Some(name);
            false
        }
        (None, language) => language == Some("sh"),
    });
    lines.map(|line| line.split(" #").next().unwrap_or(line).trim()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "\
# text
```rust
cargo build
```
```sh
cargo run -- a -- b     # why
cargo test
```
```sh
cargo install --path c  # where
```
";

    #[test]
    fn commands_are_those_of_the_readme() {
        let commands = Commands::of(README).expect("all are there");

        assert_eq!(
            commands.steps(&Part::Commands),
            ["user", "cargo run -- a -- b", "user", "cargo test", "root", "cargo test"]
        );
        let all = commands.steps(&Part::Installation);
        assert_eq!(all[6..], ["user", "cargo install --path c", "user", "permits run --max 2 build -- true"]);
    }

    #[test]
    fn first_command_has_to_need_nothing_before_it() {
        let installed_first = README.replace("cargo run", "permits");

        let why = Commands::of(&installed_first).expect_err("it has to be installed before").to_string();

        assert!(why.contains("`permits -- a -- b`"), "{why}");
    }

    #[test]
    fn readme_of_the_project_has_all_of_them() {
        Commands::of(include_str!("../../../README.md")).expect("all are there");
    }
}
