//! Repository names: parsed from the request path, never sanitised.
//!
//! A name that is not exactly in the form below is refused, so nothing after this file has to
//! ask itself what `..` or `%2f` could mean.

/// The longest repository name, in bytes after percent-decoding. A longer one is refused.
const MAX_NAME_BYTES: usize = 1024;

/// One or more components joined by `/`, none of them empty, `.` or `..`; UTF-8 without control
/// characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepositoryName(String);

impl RepositoryName {
    /// Parses the part of a request path that names a repository, still percent-encoded, without
    /// its leading slash.
    ///
    /// # Errors
    ///
    /// The reason, for the client.
    pub(crate) fn parse(encoded: &str) -> Result<Self, &'static str> {
        let mut name = String::with_capacity(encoded.len());
        for component in encoded.split('/') {
            let component = percent_decode(component)?;
            match component.as_str() {
                "" | "." | ".." => return Err("the repository name has an empty or dot component"),
                _ if component.contains(['/', '\0']) || component.contains(char::is_control) => {
                    return Err("the repository name has an encoded slash or control character");
                }
                _ => {}
            }
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(&component);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err("the repository name is too long");
        }
        Ok(Self(name))
    }

    /// The name as the contract wants it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Undoes percent-encoding, strictly: two hexadecimal digits after each `%`, UTF-8 in the end.
///
/// Spec: RFC 3986, section 2.1.
pub(crate) fn percent_decode(encoded: &str) -> Result<String, &'static str> {
    const BROKEN: &str = "the URL has a broken percent-encoding";
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err(BROKEN),
                }
            }
            plain => plain,
        });
    }
    String::from_utf8(decoded).map_err(|_| "the URL is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::RepositoryName;

    #[test]
    fn names_at_any_depth_are_decoded() {
        for (encoded, name) in [
            ("app", "app"),
            ("team/app.git", "team/app.git"),
            ("a%20b/%C3%BC", "a b/ü"),
            ("...", "..."),
            ("a+b", "a+b"),
        ] {
            assert_eq!(RepositoryName::parse(encoded).unwrap().as_str(), name);
        }
    }

    #[test]
    fn hostile_names_are_refused() {
        for encoded in [
            "",
            "/",
            "a//b",
            "..",
            "../a",
            "a/..",
            "a/%2e%2e/b",
            "%2E%2E",
            "a/./b",
            "%2f",
            "a%2fb",
            "a%00",
            "a%0ab",
            "a%",
            "a%2",
            "a%zz",
            "%ff",
            "a/",
        ] {
            assert!(RepositoryName::parse(encoded).is_err(), "{encoded:?}");
        }
        assert!(RepositoryName::parse(&"a".repeat(1025)).is_err());
    }
}
