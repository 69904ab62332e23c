//! `gitwasi passwd USER`: sets a password in the access file.

use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::Args;

use super::Outcome;

/// Sets a user's password in an access file, or takes the user out of it
///
/// The password is read from standard input: the first line. The file is made if it is missing.
#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The user
    user: String,

    /// The access file
    #[arg(long, value_name = "FILE")]
    access_file: PathBuf,

    /// Takes the user out of the file
    #[arg(long)]
    remove: bool,
}

impl Passwd {
    pub(crate) fn run(self) -> Outcome {
        let file = &self.access_file;
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.remove => String::new(),
            Err(error) => return Err(format!("cannot read {}: {error}", file.display()).into()),
        };
        let changed = match self.remove {
            true => gitwasi_access::remove(&text, &self.user)?,
            false => gitwasi_access::set_password(&text, &self.user, &read_password(&self.user)?)?,
        };
        self.replace(&changed)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        println!("{}: {}", file.display(), if self.remove { "removed" } else { "password set" });
        Ok(())
    }

    /// Replaces the file in one step, so that a server that reads it sees all or nothing.
    fn replace(&self, text: &str) -> io::Result<()> {
        let mode = std::fs::metadata(&self.access_file).map_or(0o600, |metadata| {
            std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())
        });
        let mut name = self.access_file.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(name);
        let written = (|| {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(mode & 0o7777)
                .open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, &self.access_file)
        })();
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }
}

fn read_password(user: &str) -> Result<String, Box<dyn std::error::Error>> {
    if io::stdin().is_terminal() {
        eprint!("Password for {user} (it will show): ");
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password.is_empty() {
        true => Err("the password is empty".into()),
        false => Ok(password.to_owned()),
    }
}
