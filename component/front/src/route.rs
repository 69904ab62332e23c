//! The route table: a request target becomes a typed route, or is not git's.
//!
//! Pure: no I/O, no wasi. Only what this file parsed decides; nothing later reads the URL.
//!
//! Spec: git-http-backend(1); the services table of git's `http-backend.c`.

use crate::bindings::gitwasi::git::repositories::DumbFile;
use crate::bindings::gitwasi::git::types::Service;
use crate::bindings::wasi::http::types::Method;
use crate::name::{RepositoryName, percent_decode};

/// What a request target turned out to be.
pub(crate) enum Routed {
    /// One of git's.
    Git(Route),
    /// Of git's form, with a repository name that no repository can have. The reason is for the
    /// client.
    Invalid(&'static str),
    /// Somebody else's: the fallback answers.
    NotGit,
}

/// An endpoint of a repository.
pub(crate) struct Route {
    pub(crate) repository: RepositoryName,
    pub(crate) endpoint: Endpoint,
}

/// What git asks a repository for.
pub(crate) enum Endpoint {
    /// `GET info/refs?service=…`.
    InfoRefs(Service),
    /// `GET info/refs?service=…`, and the service is not one that exists.
    UnknownService,
    /// `GET` of a file of the dumb protocol.
    DumbFile(DumbFile),
    /// `POST git-upload-pack`.
    UploadPack,
    /// `POST git-receive-pack`.
    ReceivePack,
    /// `POST git-upload-archive`.
    UploadArchive,
}

impl Endpoint {
    /// The value of `Allow` for this endpoint.
    pub(crate) fn methods(&self) -> &'static str {
        match self {
            Self::InfoRefs(_) | Self::UnknownService | Self::DumbFile(_) => "GET, HEAD",
            Self::UploadPack | Self::ReceivePack | Self::UploadArchive => "POST",
        }
    }

    /// Whether the endpoint answers this method.
    pub(crate) fn allows(&self, method: &Method) -> bool {
        match method {
            Method::Get | Method::Head => self.methods() != "POST",
            Method::Post => self.methods() == "POST",
            _ => false,
        }
    }
}

/// Routes a request target (path and query, as received) below `base_path`.
pub(crate) fn route(base_path: &str, target: &str) -> Routed {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(path) = path.strip_prefix(base_path).and_then(|path| path.strip_prefix('/')) else {
        return Routed::NotGit;
    };
    let Some((repository, endpoint)) = split(path, query) else {
        return Routed::NotGit;
    };
    match RepositoryName::parse(repository) {
        Ok(repository) => Routed::Git(Route { repository, endpoint }),
        Err(reason) => Routed::Invalid(reason),
    }
}

/// Splits a path into the repository's part and the endpoint that its end names.
fn split<'a>(path: &'a str, query: &str) -> Option<(&'a str, Endpoint)> {
    let (rest, last) = path.rsplit_once('/')?;
    match last {
        "git-upload-pack" => Some((rest, Endpoint::UploadPack)),
        "git-receive-pack" => Some((rest, Endpoint::ReceivePack)),
        "git-upload-archive" => Some((rest, Endpoint::UploadArchive)),
        "HEAD" => Some((rest, Endpoint::DumbFile(DumbFile::Head))),
        "refs" => Some((rest.strip_suffix("/info")?, info_refs(query))),
        _ => {
            let (repository, file) = object_file(rest, last)?;
            Some((repository, Endpoint::DumbFile(file)))
        }
    }
}

/// `info/refs`: smart with a service, dumb without one.
fn info_refs(query: &str) -> Endpoint {
    let service = query.split('&').find_map(|pair| pair.strip_prefix("service="));
    match service.map(percent_decode) {
        None => Endpoint::DumbFile(DumbFile::InfoRefs),
        Some(Ok(name)) if name == "git-upload-pack" => Endpoint::InfoRefs(Service::UploadPack),
        Some(Ok(name)) if name == "git-receive-pack" => Endpoint::InfoRefs(Service::ReceivePack),
        Some(_) => Endpoint::UnknownService,
    }
}

/// The files below `objects/`.
fn object_file<'a>(rest: &'a str, last: &str) -> Option<(&'a str, DumbFile)> {
    if let Some(repository) = rest.strip_suffix("/objects/info") {
        return match last {
            "packs" => Some((repository, DumbFile::Packs)),
            // One path component of plain characters; git's own names are all of that kind.
            _ if is_plain(last) => Some((repository, DumbFile::Info(last.to_owned()))),
            _ => None,
        };
    }
    if let Some(repository) = rest.strip_suffix("/objects/pack") {
        let (stem, extension) = last.rsplit_once('.')?;
        let checksum = stem.strip_prefix("pack-").filter(|hex| is_oid(hex))?.to_owned();
        return match extension {
            "pack" => Some((repository, DumbFile::Pack(checksum))),
            "idx" => Some((repository, DumbFile::PackIndex(checksum))),
            _ => None,
        };
    }
    let (objects, directory) = rest.rsplit_once('/')?;
    let repository = objects.strip_suffix("/objects")?;
    let oid = format!("{directory}{last}");
    (directory.len() == 2 && is_oid(&oid)).then_some((repository, DumbFile::LooseObject(oid)))
}

/// A whole sha1 or sha256 oid in lower-case hexadecimal.
fn is_oid(hex: &str) -> bool {
    matches!(hex.len(), 40 | 64) && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository_of(target: &str) -> Option<(String, Endpoint)> {
        match route("", target) {
            Routed::Git(route) => Some((route.repository.as_str().to_owned(), route.endpoint)),
            _ => None,
        }
    }

    #[test]
    fn endpoints_are_found_at_the_end_of_any_depth() {
        let (name, endpoint) = repository_of("/a/b/c.git/git-upload-pack").unwrap();
        assert_eq!(name, "a/b/c.git");
        assert!(matches!(endpoint, Endpoint::UploadPack));
        let (_, endpoint) = repository_of("/c/info/refs?service=git-receive-pack").unwrap();
        assert!(matches!(endpoint, Endpoint::InfoRefs(Service::ReceivePack)));
        let (_, endpoint) = repository_of("/c/info/refs").unwrap();
        assert!(matches!(endpoint, Endpoint::DumbFile(DumbFile::InfoRefs)));
        let (_, endpoint) = repository_of("/c/info/refs?service=git-shell").unwrap();
        assert!(matches!(endpoint, Endpoint::UnknownService));
        let (name, endpoint) =
            repository_of("/c/objects/aa/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb").unwrap();
        assert_eq!(name, "c");
        assert!(matches!(endpoint, Endpoint::DumbFile(DumbFile::LooseObject(_))));
        let pack = format!("/c/objects/pack/pack-{}.idx", "0".repeat(64));
        assert!(matches!(
            repository_of(&pack).unwrap().1,
            Endpoint::DumbFile(DumbFile::PackIndex(_))
        ));
        assert!(matches!(
            repository_of("/c/objects/info/alternates").unwrap().1,
            Endpoint::DumbFile(DumbFile::Info(_))
        ));
    }

    #[test]
    fn everything_else_is_not_gits() {
        for target in [
            "/",
            "",
            "/index.html",
            "/HEAD",
            "/c/objects/aa/bb",
            "/c/objects/pack/pack-0.pack",
            "/c/info/attributes",
            "/c/refs",
            "/c/config",
            "/c/objects/info/.hidden",
            "*",
        ] {
            assert!(matches!(route("", target), Routed::NotGit), "{target}");
        }
    }

    #[test]
    fn base_path_is_a_whole_prefix() {
        assert!(matches!(route("/git", "/git/a/HEAD"), Routed::Git(_)));
        assert!(matches!(route("/git", "/gitolite/a/HEAD"), Routed::NotGit));
        assert!(matches!(route("/git", "/a/HEAD"), Routed::NotGit));
    }

    #[test]
    fn escapes_are_invalid_not_somebody_elses() {
        for target in ["/../HEAD", "/a/%2e%2e/info/refs", "//HEAD", "/a%2fb/git-upload-pack"] {
            assert!(matches!(route("", target), Routed::Invalid(_)), "{target}");
        }
    }
}
