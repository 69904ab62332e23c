//! Reports of real git, as recorded in `fixtures/`: what each says was made.

use gitwasi_wire::receive_pack::{HeadParser, Progress, ReportParser, ReportProgress};

/// The names of the refs that the report in `response` says have moved.
fn made(request: &[u8], response: &[u8]) -> Vec<String> {
    let Progress::Complete { head, .. } = HeadParser::default().push(request).expect("a head")
    else {
        panic!("the head is cut");
    };
    let mut parser = ReportParser::new(head.ref_updates, &head.capabilities);
    let read = parser.push(response).expect("a report");
    assert!(matches!(read, ReportProgress::Complete { .. }), "{read:?}");
    parser.take_made().iter().map(|update| update.name.to_string()).collect()
}

macro_rules! recorded {
    ($($name:ident: $folder:literal $number:literal => [$($made:literal),*];)+) => {
        $(
            #[test]
            fn $name() {
                let request = include_bytes!(concat!(
                    "fixtures/", $folder, "/", $number, "-git-receive-pack.request"
                ));
                let response = include_bytes!(concat!(
                    "fixtures/", $folder, "/", $number, "-git-receive-pack.response"
                ));
                let expected: &[&str] = &[$($made),*];
                assert_eq!(made(request, response), expected);
            }
        )+
    };
}

recorded! {
    create: "push-create" "02" => ["refs/heads/main", "refs/heads/topic", "refs/tags/v1"];
    delete: "push-delete" "02" => ["refs/heads/topic", "refs/tags/v1"];
    options: "push-options" "02" => ["refs/heads/main"];
    refused: "push-refused" "02" => [];
    refused_delete: "push-refused-delete" "02" => ["refs/heads/main"];
    unpack_error: "push-unpack-error" "02" => [];
    update_atomic: "push-update-atomic" "02" => ["refs/heads/main"];
    after_a_probe: "push-probe" "03" => ["refs/heads/main"];
    sha256: "push-sha256" "02" => ["refs/heads/main"];
    shallow: "push-shallow" "02" => ["refs/heads/shallow"];
    signed: "push-signed" "02" => ["refs/heads/main", "refs/heads/second"];
}
