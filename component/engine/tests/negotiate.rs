//! Negotiation: request by request the bytes of `git upload-pack --stateless-rpc`, up to the pack.

mod support;

use gitwasi_engine::storage::native::block_on;
use gitwasi_engine::upload_pack;
use gitwasi_wire::ProtocolVersion;
use support::Lab;

/// The pkt-lines before the pack, and before the first packet of a side-band.
fn before_pack(mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some((length, _)) = bytes.split_at_checked(4) {
        let Ok(length) = usize::from_str_radix(&String::from_utf8_lossy(length), 16) else { break };
        let length = length.max(4);
        if bytes.get(4).is_some_and(|band| *band < 4) && length > 4 || bytes.starts_with(b"PACK") {
            break;
        }
        lines.push(format!("{}{:?}", length, String::from_utf8_lossy(&bytes[4..length])));
        bytes = &bytes[length..];
    }
    // The order of shallow lines has no meaning.
    let shallow = |line: &String| line.contains("shallow ");
    for run in lines.chunk_by_mut(|a, b| shallow(a) && shallow(b)) {
        run.sort();
    }
    // Git writes these two sections in an order that its own client does not understand.
    let mut sections: Vec<&[String]> = lines.split_inclusive(|line| line == "4\"\"").collect();
    let place = |name: &str| sections.iter().position(|section| section[0].contains(name));
    if let (Some(refs), Some(shallow)) = (place("wanted-refs"), place("shallow-info")) {
        let (first, second) = (refs.min(shallow), refs.max(shallow));
        sections[first..=second].sort();
    }
    sections.concat()
}

fn pkt(lines: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        match line.as_str() {
            "0000" | "0001" => out.extend(line.bytes()),
            line => out.extend(format!("{:04x}{line}\n", line.len() + 5).bytes()),
        }
    }
    out
}

fn same(lab: &Lab, version: u8, lines: &[String]) {
    let request = pkt(lines);
    let protocol = format!("version={version}");
    let environment = [("GIT_PROTOCOL", protocol.as_str())];
    let arguments = ["upload-pack", "--stateless-rpc", "."];
    let git = lab.git_with("a.git", &arguments, &request, &environment);
    let repository = lab.open("a.git");
    let mut ours = Vec::new();
    let version = ProtocolVersion::from_header(protocol.as_bytes());
    _ = block_on(upload_pack::serve(&repository, version, &request, &mut ours));
    let (ours, git) = (before_pack(&ours), before_pack(&git.stdout));
    assert_eq!(ours, git, "{version:?} {lines:#?}");
}

/// Haves of several kinds: known, unknown, tags, twice the same.
fn haves(lab: &Lab) -> Vec<Vec<String>> {
    let rev = |name: &str| format!("have {}", lab.git("a.git", &["rev-parse", name]));
    let unknown = |digit: &str| format!("have {}", digit.repeat(40));
    vec![
        vec![],
        vec![unknown("1")],
        vec![rev("main~20")],
        vec![rev("main~20"), unknown("2"), rev("main~25")],
        vec![unknown("3"), rev("main~3"), rev("main~3"), unknown("4")],
        vec![rev("side~1"), rev("v21")],
        vec![rev("main~13"), rev("main~14"), rev("main~15")],
        vec![rev("main^{tree}"), rev("main^{tree}")],
        vec![rev("other")],
    ]
}

fn repository() -> Lab {
    let lab = Lab::new();
    lab.history("a.git", 60, &[]);
    let tree = lab.git("a.git", &["rev-parse", "main^{tree}"]);
    let root = lab.git("a.git", &["commit-tree", &tree, "-m", "another root"]);
    lab.git("a.git", &["update-ref", "refs/heads/other", &root]);
    lab
}

#[test]
fn version_2_acknowledges_what_git_acknowledges() {
    let lab = repository();
    lab.git("a.git", &["config", "uploadpack.allowRefInWant", "true"]);
    let rev = |name: &str| lab.git("a.git", &["rev-parse", name]);
    let wants = [
        vec![format!("want {}", rev("main"))],
        vec![format!("want {}", rev("main")), format!("want {}", rev("side"))],
        vec![format!("want {}", rev("v21")), "want-ref refs/heads/side".to_owned()],
        vec![format!("want {}", rev("main")), format!("want {}", rev("other"))],
        vec!["want-ref refs/heads/none".to_owned()],
        vec![format!("want {}", "5".repeat(40))],
        vec![],
    ];
    for wants in &wants {
        for haves in haves(&lab) {
            for end in [&[][..], &["done"], &["wait-for-done"], &["deepen 3"]] {
                let mut lines = vec!["command=fetch".to_owned(), "0001".to_owned()];
                lines.extend(wants.iter().chain(&haves).cloned());
                lines.extend(end.iter().map(|line| (*line).to_owned()));
                lines.push("0000".to_owned());
                same(&lab, 2, &lines);
            }
        }
    }
}

#[test]
fn version_0_acknowledges_what_git_acknowledges() {
    let lab = repository();
    let rev = |name: &str| lab.git("a.git", &["rev-parse", name]);
    for capabilities in [
        "",
        " multi_ack side-band",
        " multi_ack_detailed side-band-64k",
        " multi_ack_detailed no-done side-band-64k",
    ] {
        for other in ["side", "other"] {
            for haves in haves(&lab) {
                for end in ["0000", "done"] {
                    let mut lines = vec![
                        format!("want {}{capabilities}", rev("main")),
                        format!("want {}", rev(other)),
                        "0000".to_owned(),
                    ];
                    lines.extend(haves.iter().cloned());
                    lines.push(end.to_owned());
                    same(&lab, 0, &lines);
                }
            }
        }
    }
}

#[test]
fn version_0_refuses_what_git_refuses() {
    let lab = repository();
    lab.git("a.git", &["config", "transfer.hideRefs", "refs/heads/other"]);
    let rev = |name: &str| lab.git("a.git", &["rev-parse", name]);
    let wants = [rev("other"), rev("main~4"), rev("main^{tree}"), rev("main:d0"), "6".repeat(40)];
    for key in [None, Some("Tip"), Some("Reachable"), Some("Any")] {
        if let Some(key) = key {
            lab.git("a.git", &["config", &format!("uploadpack.allow{key}SHA1InWant"), "true"]);
        }
        for want in &wants {
            let lines =
                [format!("want {want} side-band-64k"), "0000".to_owned(), "done".to_owned()];
            same(&lab, 0, &lines);
        }
    }
}
