//! Who and when: the lines `author`, `committer` and `tagger`.

use super::{Findings, MessageId, Refused};

/// Looks at such a line, without its name and its end.
pub(super) fn check(line: &[u8], findings: &mut Findings<'_>) -> Result<(), Refused> {
    use MessageId as Id;
    let mut found =
        |id, what: &str| findings.found(id, format!("invalid author/committer line - {what}"));
    let bracket = |bytes: &[u8]| bytes.iter().position(|byte| matches!(byte, b'<' | b'>'));

    if line.starts_with(b"<") {
        return found(Id::MissingNameBeforeEmail, "missing space before email");
    }
    let rest = match bracket(line) {
        Some(at) if line[at] == b'>' => return found(Id::BadName, "bad name"),
        Some(at) if line[at - 1] != b' ' => {
            return found(Id::MissingSpaceBeforeEmail, "missing space before email");
        }
        Some(at) => &line[at + 1..],
        None => return found(Id::MissingEmail, "missing email"),
    };
    let rest = match bracket(rest) {
        Some(at) if rest[at] == b'>' => &rest[at + 1..],
        _ => return found(Id::BadEmail, "bad email"),
    };
    let Some(rest) = rest.strip_prefix(b" ") else {
        return found(Id::MissingSpaceBeforeDate, "missing space before date");
    };
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = &rest[blanks..];
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (date, zone) = rest.split_at(digits);
    match date {
        [] => return found(Id::BadDate, "bad date"),
        [b'0', ..] if rest.get(1) != Some(&b' ') => {
            return found(Id::ZeroPaddedDate, "zero-padded date");
        }
        _ => {}
    }
    if overflows(date) {
        return found(Id::BadDateOverflow, "date causes integer overflow");
    }
    match zone {
        [b' ', b'+' | b'-', digits @ ..]
            if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit) =>
        {
            Ok(())
        }
        [b' ', ..] => found(Id::BadTimezone, "bad time zone"),
        _ => found(Id::BadDate, "bad date"),
    }
}

/// Whether a number of seconds has more than the 63 bits that systems count them with.
fn overflows(digits: &[u8]) -> bool {
    let value = digits
        .iter()
        .try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    value.is_none_or(|value| i64::try_from(value).is_err())
}
