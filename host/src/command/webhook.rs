//! `--webhook` and what belongs to it.

use std::path::Path;

use gitwasi::Root;
use gitwasi::observe::Webhook;

use super::options::Options;

/// Sets up the web hook, if one is asked for.
pub(super) fn open(
    options: &Options,
    root: &Root,
) -> Result<Option<Webhook>, Box<dyn std::error::Error>> {
    let (secret, queue) = (&options.webhook_secret_file, &options.webhook_queue);
    let Some(url) = &options.webhook else {
        return match (secret, queue) {
            (None, None) => Ok(None),
            (Some(_), _) => Err("--webhook-secret-file needs a --webhook".into()),
            (None, Some(_)) => Err("--webhook-queue needs a --webhook".into()),
        };
    };
    let Some(queue) = queue else {
        return Err("--webhook needs a --webhook-queue, a directory that outlives restarts".into());
    };
    if inside(root.path(), queue) {
        return Err(format!("{} lies in the served root", queue.display()).into());
    }
    let secret = secret.as_ref().map(|file| {
        let secret = std::fs::read(file)
            .map_err(|error| format!("cannot read the secret {}: {error}", file.display()))?;
        Ok::<_, String>(secret.trim_ascii_end().to_vec())
    });
    Ok(Some(Webhook::open(url, secret.transpose()?, queue)?))
}

/// Whether a path, of which the last parts may be missing yet, lies below `root`.
fn inside(root: &Path, path: &Path) -> bool {
    let Ok(path) = std::path::absolute(path) else { return true };
    let there = path.ancestors().find_map(|part| part.canonicalize().ok());
    there.is_none_or(|there| there.starts_with(root))
}
