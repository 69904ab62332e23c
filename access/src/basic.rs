//! Reads the value of an `Authorization` header. Looks nothing up and verifies nothing.
//!
//! Spec: RFC 7617, "The 'Basic' HTTP Authentication Scheme"; RFC 9110, section 11.6.2.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::password::MAX_PASSWORD;
use crate::principal::{MAX_NAME, check_name};

/// The longest header value that is read, in bytes: the longest name and password in base64, and
/// room for the scheme. A longer one is malformed.
const MAX_HEADER: usize = (MAX_NAME + 1 + MAX_PASSWORD) * 4 / 3 + 64;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a client claims.
pub(crate) struct Claim {
    /// A name that [`check_name`] accepts.
    pub(crate) name: String,
    /// Up to [`MAX_PASSWORD`] bytes without control characters.
    pub(crate) password: Vec<u8>,
}

/// Reads basic credentials; `None` for any other scheme and for everything malformed.
pub(crate) fn parse(value: &[u8]) -> Option<Claim> {
    if value.len() > MAX_HEADER {
        return None;
    }
    let value = value.trim_ascii();
    // RFC 9110, 11.1: "It uses a case-insensitive token to identify the authentication scheme".
    let (scheme, encoded) = value.split_at_checked(5)?;
    if !scheme.eq_ignore_ascii_case(b"basic") || !encoded.starts_with(b" ") {
        return None;
    }
    let mut decoded = BASE64.decode(encoded.trim_ascii_start()).ok()?;
    // RFC 7617, 2: "The user-id and password MUST NOT contain any control characters". Other
    // tools' bcrypt also reads a NUL as the end of a password.
    if decoded.iter().any(u8::is_ascii_control) {
        return None;
    }
    // RFC 7617, 2: "a user-id containing a colon character is invalid, as the first colon in a
    // user-pass string separates user-id and password from one another".
    let colon = decoded.iter().position(|&byte| byte == b':')?;
    let password = decoded.split_off(colon + 1);
    decoded.truncate(colon);
    let name = String::from_utf8(decoded).ok()?;
    check_name(&name).ok()?;
    (password.len() <= MAX_PASSWORD).then_some(Claim { name, password })
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn claim(value: &[u8]) -> Option<(String, Vec<u8>)> {
        parse(value).map(|claim| (claim.name, claim.password))
    }

    #[test]
    fn the_first_colon_separates() {
        // RFC 7617's own examples, and "alice:a:b".
        assert_eq!(
            claim(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            Some(("Aladdin".into(), b"open sesame".to_vec()))
        );
        assert_eq!(
            claim("Basic dGVzdDoxMjPCow==".as_bytes()),
            Some(("test".into(), "123£".as_bytes().to_vec()))
        );
        assert_eq!(claim(b"Basic YWxpY2U6YTpi"), Some(("alice".into(), b"a:b".to_vec())));
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_padding_optional() {
        let expected = Some(("Aladdin".into(), b"open sesame".to_vec()));
        assert_eq!(claim(b"  bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ "), expected);
    }

    #[test]
    fn an_empty_password_is_a_claim() {
        assert_eq!(claim(b"Basic YWxpY2U6"), Some(("alice".into(), Vec::new())));
    }

    #[test]
    fn malformed_values_are_no_claim() {
        let long = [b"Basic ".as_slice(), &[b'A'; 8192]].concat();
        let malformed: &[(&str, &[u8])] = &[
            ("empty", b""),
            ("scheme alone", b"Basic"),
            ("scheme and space", b"Basic "),
            ("no space", b"BasicYWxpY2U6eA=="),
            ("other scheme", b"Bearer YWxpY2U6eA=="),
            ("longer scheme", b"Basics YWxpY2U6eA=="),
            ("not base64", b"Basic %%%"),
            ("url-safe alphabet", b"Basic _-__"),
            ("two tokens", b"Basic YWxpY2U6 eA=="),
            ("no colon", b"Basic YWxpY2U="),
            ("no name", b"Basic OngK"),
            ("NUL in the password", b"Basic YWxpY2U6YQBi"),
            ("newline in the name", b"Basic YWxpCmNlOng="),
            ("name is not UTF-8", b"Basic /zp4"),
            ("a byte above 127", b"Basic \xff\xff\xff\xff"),
            ("too long", &long),
        ];
        for (what, value) in malformed {
            assert_eq!(claim(value), None, "{what}");
        }
    }
}
