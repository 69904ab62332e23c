//! URLs of submodules that git clones from, and those that trick it.
//!
//! A URL must not look like an option, not smuggle a line into the protocol of a credential
//! helper, and not climb out of what it is relative to.
//!
//! Spec: git-fsck(1), "gitmodulesUrl"; gitmodules(5), `submodule.<name>.url`

/// Whether git refuses it.
pub(super) fn is_refused(url: &[u8]) -> bool {
    if url.starts_with(b"-") {
        return true;
    }
    let (climbs, rest) = leading_dots(url);
    if rest.len() < url.len() || url.starts_with(b"git://") {
        return has_newline(url) || climbs && matches!(rest, [b':' | b'/', ..]);
    }
    let remote = [&b"http::"[..], b"https::", b"ftp::", b"ftps::"];
    let native = [&b"http://"[..], b"https://", b"ftp://", b"ftps://"];
    let url = match remote.iter().find_map(|prefix| url.strip_prefix(*prefix)) {
        Some(rest) => rest,
        None if native.iter().any(|prefix| url.starts_with(prefix)) => url,
        None => return false,
    };
    !is_url(url) || has_newline(url)
}

/// Whether it begins with `../` among any `./`, and what follows these.
fn leading_dots(mut url: &[u8]) -> (bool, &[u8]) {
    let mut climbs = false;
    loop {
        match url {
            [b'.', b'.', b'/' | b'\\', rest @ ..] => (climbs, url) = (true, rest),
            [b'.', b'/' | b'\\', rest @ ..] => url = rest,
            _ => return (climbs, url),
        }
    }
}

fn has_newline(url: &[u8]) -> bool {
    let mut rest = url;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, escaped(after)) {
            (b'\n', _) => return true,
            (b'%', Some(b'\n')) => return true,
            (b'%', Some(_)) => rest = &after[2..],
            _ => {}
        }
    }
    false
}

/// The byte that two hex digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digits = digits.first_chunk::<2>()?;
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(digits[0])? << 4 | digit(digits[1])?).ok()
}

/// Whether it has all that a URL needs, down to escapes and segments that make sense.
fn is_url(url: &[u8]) -> bool {
    let scheme = url.iter().take_while(|byte| is_scheme(**byte)).count();
    let (scheme, rest) = url.split_at(scheme);
    let Some(rest) = rest.strip_prefix(b"://") else { return false };
    if !scheme.first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = match authority.iter().position(|byte| *byte == b'@') {
        Some(at) if !escapes_are_whole(&authority[..at]) => return false,
        Some(at) => &authority[at + 1..],
        None => authority,
    };
    let colon = host.iter().rposition(|byte| matches!(byte, b':' | b']'));
    let (host, port) = match colon.filter(|at| host[*at] == b':') {
        Some(at) => (&host[..at], &host[at + 1..]),
        None => (host, &host[host.len()..]),
    };
    if host.is_empty() && !scheme.eq_ignore_ascii_case(b"file") {
        return false;
    }
    host.iter().all(|byte| is_host(*byte)) && is_port(port) && is_path(path)
}

fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-')
}

fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'[' | b':' | b']')
}

fn is_port(port: &[u8]) -> bool {
    if port.is_empty() {
        return true;
    }
    let number = port.iter().try_fold(0u32, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    number.is_some_and(|number| (1..=65_535).contains(&number))
}

/// Whether no segment climbs above the first, and all escapes are whole.
fn is_path(path: &[u8]) -> bool {
    if !escapes_are_whole(path) {
        return false;
    }
    let end = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
    let path = &path[..end];
    let mut depth = 0usize;
    for segment in path.strip_prefix(b"/").unwrap_or(path).split(|byte| *byte == b'/') {
        match &unescape_dots(segment)[..] {
            b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            _ => depth += 1,
        }
    }
    true
}

fn escapes_are_whole(bytes: &[u8]) -> bool {
    (0..bytes.len()).filter(|at| bytes[*at] == b'%').all(|at| escaped(&bytes[at + 1..]).is_some())
}

fn unescape_dots(segment: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = segment;
    while let Some((byte, after)) = rest.split_first() {
        (rest, _) = match (byte, escaped(after)) {
            (b'%', Some(b'.')) => (&after[2..], out.push(b'.')),
            _ => (after, out.push(*byte)),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_are_refused_and_the_usual_is_not() {
        for url in [
            "-x",
            "../../:a",
            ".././/x",
            "..\\:x",
            "./%0ax",
            "git://a/%0A",
            "git://a\nb",
            "https://",
            "http:///x",
            "https://a%0ab/",
            "https://a/%0a",
            "http::https://a\n",
            "https::a",
            "https://a:x/",
            "https://a:0/",
            "https://a:65536/",
            "https://a/%g0",
            "https://a/../b",
            "https://a/b/../../c",
            "https://a/%2e%2E/b",
            "https://a b/",
        ] {
            assert!(is_refused(url.as_bytes()), "{url:?}");
        }
        for url in [
            "../x",
            "./x",
            "../../x.git",
            "git://a/b",
            "https://a/b.git",
            "https://u:p@a:443/b?c#d",
            "http://[::1]:80/",
            "ssh://a/%0a",
            "a:b",
            "/x",
            "https://a",
            "https://a/b/../c",
            "https://a/%250a",
            "ftp::ftp://a/",
            "git@a:../x",
            "",
        ] {
            assert!(!is_refused(url.as_bytes()), "{url:?}");
        }
    }
}
