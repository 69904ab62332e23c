//! Makes bare repositories, without git.
//!
//! Spec: git-init(1); gitrepository-layout(5)

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

/// A repository could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// There is something already.
    #[error("{} exists already", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// No repository may have that name: it would be within another one, or hidden.
    #[error("not a repository's name: {name:?}")]
    Name {
        /// The name.
        name: String,
    },
    /// Its files could not be made.
    #[error("cannot make {}: {source}", path.display())]
    Files {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

const DIRECTORIES: [&str; 7] =
    ["hooks", "info", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"];

const DESCRIPTION: &str =
    "Unnamed repository; edit this file 'description' to name the repository.\n";

/// How a repository names its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ObjectFormat {
    /// By 20 bytes.
    #[default]
    Sha1,
    /// By 32 bytes.
    Sha256,
}

impl ObjectFormat {
    fn config(self) -> &'static str {
        match self {
            Self::Sha1 => {
                "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n"
            }
            Self::Sha256 => {
                "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n\
                 [extensions]\n\tobjectformat = sha256\n"
            }
        }
    }
}

/// Makes an empty bare repository with a branch `main` below `root`, by its name there, to which
/// `.git` is added; where it is then. It appears whole.
///
/// # Errors
///
/// Nothing is left where it failed, except directories above it.
pub fn create(root: &Path, name: &str, format: ObjectFormat) -> Result<PathBuf, CreateError> {
    let name = name.strip_suffix(".git").unwrap_or(name);
    let below = format!("{name}.git");
    let path = root.join(&below);
    let failed = |source| CreateError::Files { path: path.clone(), source };
    let directory = Dir::open_ambient_dir(root, ambient_authority()).map_err(failed)?;
    if !is_free(&directory, name) {
        return Err(CreateError::Name { name: name.to_owned() });
    }
    if directory.symlink_metadata(&below).is_ok() {
        return Err(CreateError::Exists { path });
    }
    let parent = Path::new(&below).parent().unwrap_or(Path::new(""));
    if !parent.as_os_str().is_empty() {
        directory.create_dir_all(parent).map_err(failed)?;
    }
    let temporary = parent.join(format!(".new-{:016x}", fastrand::u64(..)));
    let made = fill(&directory, &temporary, format).and_then(|()| {
        // Fails if there is a directory by now that has anything in it.
        directory.rename(&temporary, &directory, &below)?;
        let above = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        sync(&directory, above)
    });
    if let Err(source) = made {
        let _ = directory.remove_dir_all(&temporary);
        return Err(match directory.symlink_metadata(&below).is_ok() {
            true => CreateError::Exists { path },
            false => failed(source),
        });
    }
    Ok(path)
}

/// Whether a repository may have this name, as far as the name and what is around it tell.
fn is_free(root: &Dir, name: &str) -> bool {
    let is_good =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(char::is_control);
    let mut parents = name.match_indices('/').map(|(end, _)| &name[..end]);
    let is_repository = |path: String| {
        root.is_file(format!("{path}/HEAD")) && root.is_dir(format!("{path}/objects"))
    };
    name.split('/').all(is_good)
        && !parents.any(|parent| {
            parent.ends_with(".git")
                || is_repository(parent.to_owned())
                || is_repository(format!("{parent}/.git"))
        })
}

fn fill(root: &Dir, path: &Path, format: ObjectFormat) -> io::Result<()> {
    root.create_dir(path)?;
    let directory = root.open_dir(path)?;
    for name in DIRECTORIES {
        directory.create_dir_all(name)?;
    }
    let head = "ref: refs/heads/main\n";
    for (name, content) in
        [("description", DESCRIPTION), ("config", format.config()), ("HEAD", head)]
    {
        let mut file =
            directory.open_with(name, OpenOptions::new().write(true).create_new(true))?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
    }
    for name in ["objects", "refs", "."] {
        sync(&directory, name.as_ref())?;
    }
    Ok(())
}

/// Makes the entries of a directory durable.
fn sync(root: &Dir, path: &Path) -> io::Result<()> {
    // Opened as a file: a `Dir` cannot be flushed.
    root.open(path)?.sync_all()
}
