//! The syntax of `.gitmodules`: git's configuration, variable by variable up to the first error.
//!
//! A parser that refuses the whole would not do: git obeys what comes before the error.
//!
//! Spec: git-config(1), "CONFIGURATION FILE", "Syntax"
//!
//! # Deviation
//! A byte order mark is skipped, as git does when it reads the file that was checked out. When it
//! reads the blob it is confused by one, and would let through what follows.

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    /// The section in lower case, and a subsection as it is written.
    pub(super) section: Vec<u8>,
    pub(super) subsection: Option<Vec<u8>>,
    /// In lower case.
    pub(super) key: Vec<u8>,
    /// `None` if there is no `=`.
    pub(super) value: Option<Vec<u8>>,
}

/// What is no configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The variables of a file. The first error is the last item.
pub(super) struct ConfigLines<'a> {
    rest: &'a [u8],
    /// The end was read, which counts as the end of a line.
    ended: bool,
    section: (Vec<u8>, Option<Vec<u8>>),
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl<'a> ConfigLines<'a> {
    pub(super) fn new(content: &'a [u8]) -> Self {
        let rest = content.strip_prefix(BOM).unwrap_or(content);
        Self { rest, ended: false, section: (Vec::new(), None) }
    }

    /// The next byte; a newline for the end of a line however it is written, and at the end.
    fn next_byte(&mut self) -> u8 {
        match self.rest {
            [] => {
                self.ended = true;
                b'\n'
            }
            [b'\r', b'\n', rest @ ..] => {
                self.rest = rest;
                b'\n'
            }
            [byte, rest @ ..] => {
                self.rest = rest;
                *byte
            }
        }
    }

    fn next_variable(&mut self) -> Result<Option<Variable>, Malformed> {
        let mut comment = false;
        loop {
            match self.next_byte() {
                b'\n' if self.ended => return Ok(None),
                b'\n' => comment = false,
                _ if comment => {}
                byte if is_space(byte) => {}
                b'#' | b';' => comment = true,
                b'[' => self.section = self.header()?,
                byte if byte.is_ascii_alphabetic() => return self.variable(byte).map(Some),
                _ => return Err(Malformed),
            }
        }
    }

    fn header(&mut self) -> Result<(Vec<u8>, Option<Vec<u8>>), Malformed> {
        let mut section = Vec::new();
        loop {
            match self.next_byte() {
                _ if self.ended => return Err(Malformed),
                b']' => break,
                byte if is_space(byte) => {
                    let subsection = self.quoted_subsection(byte)?;
                    return Ok((section, Some(subsection)));
                }
                byte if is_key(byte) || byte == b'.' => section.push(byte.to_ascii_lowercase()),
                _ => return Err(Malformed),
            }
        }
        // The old form `[section.subsection]`.
        let dot = section.iter().position(|byte| *byte == b'.');
        let subsection = dot.map(|dot| section.split_off(dot)[1..].to_vec());
        Ok((section, subsection))
    }

    fn quoted_subsection(&mut self, mut byte: u8) -> Result<Vec<u8>, Malformed> {
        while is_space(byte) {
            if byte == b'\n' {
                return Err(Malformed);
            }
            byte = self.next_byte();
        }
        if byte != b'"' {
            return Err(Malformed);
        }
        let mut subsection = Vec::new();
        loop {
            match self.next_byte() {
                b'\n' => return Err(Malformed),
                b'"' => break,
                b'\\' => match self.next_byte() {
                    b'\n' => return Err(Malformed),
                    byte => subsection.push(byte),
                },
                byte => subsection.push(byte),
            }
        }
        if self.next_byte() == b']' { Ok(subsection) } else { Err(Malformed) }
    }

    fn variable(&mut self, first: u8) -> Result<Variable, Malformed> {
        let mut key = vec![first.to_ascii_lowercase()];
        let mut byte = loop {
            match self.next_byte() {
                byte if !self.ended && is_key(byte) => key.push(byte.to_ascii_lowercase()),
                byte => break byte,
            }
        };
        while matches!(byte, b' ' | b'\t') {
            byte = self.next_byte();
        }
        let value = match byte {
            b'\n' => None,
            b'=' => Some(self.value()?),
            _ => return Err(Malformed),
        };
        let (section, subsection) = self.section.clone();
        Ok(Variable { section, subsection, key, value })
    }

    fn value(&mut self) -> Result<Vec<u8>, Malformed> {
        let mut value = Vec::new();
        let (mut quoted, mut comment) = (false, false);
        let mut trimmed = None;
        loop {
            let byte = self.next_byte();
            match byte {
                b'\n' if quoted => return Err(Malformed),
                b'\n' => break,
                _ if comment => continue,
                byte if is_space(byte) && !quoted => {
                    if !value.is_empty() {
                        trimmed.get_or_insert(value.len());
                        value.push(byte);
                    }
                    continue;
                }
                b'#' | b';' if !quoted => {
                    comment = true;
                    continue;
                }
                _ => trimmed = None,
            }
            match byte {
                b'\\' => value.push(match self.next_byte() {
                    b'\n' => continue,
                    b't' => b'\t',
                    b'b' => 8,
                    b'n' => b'\n',
                    byte @ (b'\\' | b'"') => byte,
                    _ => return Err(Malformed),
                }),
                b'"' => quoted = !quoted,
                byte => value.push(byte),
            }
        }
        value.truncate(trimmed.unwrap_or(value.len()));
        Ok(value)
    }
}

impl Iterator for ConfigLines<'_> {
    type Item = Result<Variable, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let variable = self.next_variable().transpose();
        if matches!(variable, None | Some(Err(Malformed))) {
            self.ended = true;
        }
        variable
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content: &str) -> (Vec<String>, bool) {
        let mut variables = Vec::new();
        for line in ConfigLines::new(content.as_bytes()) {
            let Ok(variable) = line else { return (variables, false) };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            variables.push(format!(
                "{}|{}|{}|{}",
                text(&variable.section),
                variable.subsection.as_deref().map_or("-".into(), text),
                text(&variable.key),
                variable.value.as_deref().map_or("-".into(), text)
            ));
        }
        (variables, true)
    }

    #[test]
    fn variables_are_read_as_git_config_reads_them() {
        let content = "\u{feff}# c\n[A]\n b-1 = x ; y\n\tB\n[a \"S\\\"\\p\"] c = \" q ;\"r\\\n s\\t  \n[x.Y]z=\r\n d=1";
        let (variables, whole) = parse(content);
        assert!(whole);
        assert_eq!(variables, ["a|-|b-1|x", "a|-|b|-", "a|S\"p|c| q ;r s\t", "x|y|z|", "x|y|d|1"]);
    }

    #[test]
    fn what_comes_before_an_error_counts() {
        for bad in ["[b", "[b \"", "[b c]", "[b \"c\"x", "1", "x y", "x = \"", "x = \\q", "[b\n]"] {
            assert_eq!(
                parse(&format!("[a]\nb=1\n{bad}\n")),
                (vec!["a|-|b|1".into()], false),
                "{bad}"
            );
        }
        assert_eq!(parse("[a]\nb = 1"), (vec!["a|-|b|1".into()], true));
        assert_eq!(parse(""), (vec![], true));
    }
}
