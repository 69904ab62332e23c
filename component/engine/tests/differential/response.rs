//! A response, taken apart so that two of them can be compared.

/// What a server answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The pkt-lines before the pack, in a form in which it does not matter who wrote them.
    pub lines: Vec<String>,
    /// The pack, out of its side-band.
    pub pack: Option<Vec<u8>>,
    /// Band 2.
    pub progress: String,
    /// The text of an `ERR` pkt-line, or of band 3.
    pub error: Option<String>,
}

impl Response {
    /// Takes a response apart; panics where it is cut within a pkt-line.
    pub fn parse(mut bytes: &[u8]) -> Self {
        let mut response = Self::default();
        let mut in_pack = false;
        while !bytes.is_empty() {
            if bytes.starts_with(b"PACK") {
                response.pack = Some(bytes.to_vec());
                break;
            }
            let length = str::from_utf8(&bytes[..4]).expect("a length");
            let length = usize::from_str_radix(length, 16).expect("a length");
            if length < 4 {
                response.lines.push(format!("{length:04}"));
                bytes = &bytes[4..];
                continue;
            }
            let data = &bytes[4..length];
            bytes = &bytes[length..];
            match data {
                [1, data @ ..] if in_pack || data.starts_with(b"PACK") => {
                    in_pack = true;
                    response.pack.get_or_insert_default().extend(data);
                }
                [2, text @ ..] => response.progress.push_str(&String::from_utf8_lossy(text)),
                [3, text @ ..] => {
                    response.error = Some(String::from_utf8_lossy(text).trim_end().into());
                }
                [b'E', b'R', b'R', b' ', text @ ..] => {
                    response.error = Some(String::from_utf8_lossy(text).trim_end().into());
                }
                data => {
                    let (band, text) = match data {
                        [1, text @ ..] => ("band 1: ", text),
                        text => ("", text),
                    };
                    in_pack |= text == b"packfile\n";
                    response.lines.push(format!("{band}{}", line(text)));
                }
            }
        }
        response.normalise();
        response
    }

    /// Brings into one order what has none.
    fn normalise(&mut self) {
        let shallow = |line: &String| line.contains("shallow ");
        for run in self.lines.chunk_by_mut(|a, b| shallow(a) && shallow(b)) {
            run.sort();
        }
        let is_uri = |line: &String| line.contains("://") && line.starts_with("band 1: ");
        for run in self.lines.chunk_by_mut(|a, b| is_uri(a) && is_uri(b)) {
            run.sort();
        }
        // Of a commit that is wanted twice, by a tag perhaps, git tells twice.
        self.lines.dedup_by(|a, b| a == b && shallow(a));
        // Git writes these two sections in an order that its own client does not understand.
        let mut sections: Vec<&[String]> =
            self.lines.split_inclusive(|line| line == "0001").collect();
        let place = |name: &str| sections.iter().position(|section| section[0].contains(name));
        if let (Some(refs), Some(shallow)) = (place("wanted-refs"), place("shallow-info")) {
            sections[refs.min(shallow)..=refs.max(shallow)].sort();
        }
        self.lines = sections.concat();
    }
}

/// A line as text, without what is each server's own.
fn line(data: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(data).into_owned();
    for name in ["agent=", "session-id="] {
        if let Some(at) = text.find(name) {
            let value = at + name.len();
            let end = text[value..].find([' ', '\n']).map_or(text.len(), |end| value + end);
            text.replace_range(value..end, "X");
        }
    }
    format!("{text:?}")
}
