//! An event as JSON: see "What a web hook gets" in `host/README.md`.

use std::io::{self, Write};

use gitwasi_runtime::{PushEvent, RefUpdate};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Writes an event and a line feed.
pub(super) fn write(event: &PushEvent, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Json::of(event))?;
    out.write_all(b"\n")
}

#[derive(serde::Serialize)]
struct Json<'a> {
    id: &'a str,
    time: String,
    repository: &'a str,
    pusher: Option<&'a str>,
    address: Option<&'a str>,
    confirmed: bool,
    #[serde(serialize_with = "ref_updates")]
    ref_updates: &'a [RefUpdate],
    #[serde(serialize_with = "push_options")]
    push_options: &'a [Vec<u8>],
}

#[derive(serde::Serialize)]
struct JsonRefUpdate<'a> {
    #[serde(rename = "ref")]
    name: Text<'a>,
    old_oid: &'a str,
    new_oid: &'a str,
}

/// Bytes that are most often text: a string if they are UTF-8, else `{"hex": "…"}`. What is not
/// text cannot be taken for another text so.
struct Text<'a>(&'a [u8]);

impl<'a> Json<'a> {
    fn of(event: &'a PushEvent) -> Self {
        Self {
            id: &event.id,
            time: humantime::format_rfc3339_millis(event.time).to_string(),
            repository: &event.repository,
            pusher: event.principal.as_ref().map(|principal| principal.name.as_str()),
            address: event.address.as_deref(),
            confirmed: event.confirmed,
            ref_updates: &event.ref_updates,
            push_options: &event.push_options,
        }
    }
}

fn ref_updates<S: Serializer>(updates: &[RefUpdate], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(updates.iter().map(|update| JsonRefUpdate {
        name: Text(&update.name),
        old_oid: &update.old_oid,
        new_oid: &update.new_oid,
    }))
}

fn push_options<S: Serializer>(options: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(options.iter().map(|option| Text(option)))
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("hex", &super::hex(self.0))?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use gitwasi_runtime::Principal;

    use super::*;

    #[test]
    fn an_event_is_one_line_of_json() {
        let event = PushEvent {
            id: "0".repeat(32),
            repository: "team/ü".to_owned(),
            principal: Some(Principal { name: "alice".to_owned() }),
            address: None,
            ref_updates: vec![RefUpdate {
                name: b"refs/heads/\xff".to_vec(),
                old_oid: "0".repeat(40),
                new_oid: "1".repeat(40),
            }],
            push_options: vec![b"ci.skip".to_vec(), b"\xe9".to_vec()],
            confirmed: true,
            time: UNIX_EPOCH + Duration::from_millis(1_112_911_993_042),
        };
        let mut out = Vec::new();
        write(&event, &mut out).expect("written to memory");
        let expected = concat!(
            r#"{"id":"00000000000000000000000000000000","time":"2005-04-07T22:13:13.042Z","#,
            r#""repository":"team/ü","pusher":"alice","address":null,"confirmed":true,"#,
            r#""ref_updates":[{"ref":{"hex":"726566732f68656164732fff"},"#,
            r#""old_oid":"0000000000000000000000000000000000000000","#,
            r#""new_oid":"1111111111111111111111111111111111111111"}],"#,
            r#""push_options":["ci.skip",{"hex":"e9"}]}"#,
            "\n"
        );
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
