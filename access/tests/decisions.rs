//! Decisions, as a table: file, repository, access and credentials against the answer.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gitwasi_access::{
    Access, AccessFile, Authorizer, Decision, Identification, Identity, Principal, Refusal,
    VerifiedCache,
};

// Both are the hash of "correct horse", made by perl's crypt and Python's bcrypt.
const FILE: &str = r#"
[users.alice]
password = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"
write = ["team/*", "alice/**"]
read = ["**"]

[users.bob]
password = "$2a$05$ShyB1GkWBTcLkLwLATtd0eig/e0lRV92ef373tEE5DH7cwsGH6fGC"
read = ["secret/app"]

# Verified by a proxy only.
[users.ci]
write = ["ci.git"]

[[repository]]
name = "secret/listed"
read = ["bob"]
write = ["carol"]

[[repository]]
name = "secret/**"
read = "nobody"

[[repository]]
name = "inner/**"
read = "principals"

[[repository]]
name = "inner/wiki"
read = "everyone"            # never: the rule above told already
write = "principals"

[[repository]]
name = "drop/*"
write = "everyone"

[[repository]]
name = "closed/*"
write = "nobody"
"#;

fn authorizer(text: &str) -> Authorizer {
    let file = AccessFile::parse(text).expect("the test's file is well-formed");
    let cache = VerifiedCache::new().expect("the system has random bytes");
    Authorizer::new(Arc::new(file), Arc::new(cache))
}

fn basic(user: &str, password: &str) -> Vec<u8> {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))).into_bytes()
}

/// The answer in a word, with the principal that is allowed.
fn word(decision: &Decision) -> String {
    let refusal = |refusal: &Refusal| match refusal {
        Refusal::Challenge { .. } => "401",
        Refusal::Deny { .. } => "403",
    };
    match decision {
        Decision::Allow { principal: None } => "allow".into(),
        Decision::Allow { principal: Some(principal) } => format!("allow {principal}"),
        Decision::AskRepository(inner) => format!("ask {}", refusal(inner)),
        Decision::Refuse(inner) => refusal(inner).into(),
    }
}

#[test]
fn the_file_decides() {
    use Access::{Read, Write};
    let alice = Some(basic("alice", "correct horse"));
    let bob = Some(basic("bob", "correct horse"));
    let wrong = Some(basic("alice", "wrong"));
    let unknown = Some(basic("mallory", "correct horse"));
    let passwordless = Some(basic("ci", "correct horse"));
    let table = [
        // A repository that no rule names.
        ("other/app", Read, &None, "allow"),
        ("other/app", Read, &alice, "allow alice"),
        ("other/app", Read, &wrong, "401"),
        ("other/app", Read, &unknown, "401"),
        ("other/app", Read, &passwordless, "401"),
        ("other/app", Write, &None, "ask 401"),
        ("other/app", Write, &alice, "ask 403"),
        ("other/app", Write, &wrong, "401"),
        ("other/app", Write, &unknown, "401"),
        // Own grants.
        ("team/app", Write, &alice, "allow alice"),
        ("team/app.git", Write, &alice, "allow alice"),
        ("team/app/sub", Write, &alice, "ask 403"),
        ("team/app", Write, &bob, "ask 403"),
        ("alice/a/b", Write, &alice, "allow alice"),
        // Restricted reading.
        ("secret/app", Read, &None, "401"),
        ("secret/app.git", Read, &None, "401"),
        ("secret/app/.git", Read, &None, "401"),
        ("secret/app.git/.git", Read, &None, "401"),
        ("secret/app", Read, &alice, "allow alice"),
        ("secret/app", Read, &bob, "allow bob"),
        ("secret/other", Read, &bob, "403"),
        ("secret/other", Read, &wrong, "401"),
        ("secret/app", Write, &None, "401"),
        ("secret/app", Write, &bob, "ask 403"),
        ("secret/other", Write, &bob, "403"),
        // The first rule that tells decides; a list closes what the repository could open.
        ("secret/listed", Read, &bob, "allow bob"),
        ("secret/listed", Write, &bob, "403"),
        ("secret/listed", Write, &None, "401"),
        ("inner/wiki", Read, &None, "401"),
        ("inner/wiki", Read, &bob, "allow bob"),
        ("inner/wiki", Write, &bob, "allow bob"),
        ("inner/wiki", Write, &None, "401"),
        ("inner/app", Write, &bob, "ask 403"),
        // Writing for everyone, and for nobody.
        ("drop/box", Write, &None, "allow"),
        ("drop/box", Write, &bob, "allow bob"),
        ("drop/box", Write, &wrong, "401"),
        ("closed/app", Write, &None, "401"),
        ("closed/app", Write, &alice, "403"),
        ("closed/app", Read, &None, "allow"),
        // Names that are none of the contract's.
        ("secret//app", Read, &None, "401"),
        ("./secret/app", Read, &None, "401"),
        ("x/../secret/app", Read, &alice, "403"),
        ("", Write, &alice, "403"),
    ];
    let authorizer = authorizer(FILE);
    for (repository, access, authorization, expected) in table {
        let decision = authorizer.authorize(repository, access, authorization.as_deref());
        assert_eq!(word(&decision), expected, "{repository} {access:?} {authorization:?}");
    }
}

#[test]
fn whoever_may_write_does_not_thereby_create() {
    let text = "
        create = ['carol']
        [users.alice]
        create = ['team/**']
        [users.bob]
        write = ['team/**']
        [users.carol]
        write = ['art/*']
    ";
    let file = authorizer(text);
    for (who, repository, expected) in [
        (Some("alice"), "team/new.git", true),
        (Some("alice"), "art/new", false),
        (Some("bob"), "team/new", false),
        (Some("carol"), "art/new", true),
        // To create is not to write.
        (Some("carol"), "team/new", false),
        (Some("nobody"), "team/new", false),
        (None, "team/new", false),
    ] {
        assert_eq!(file.may_create(who, repository), expected, "{who:?} {repository}");
    }
    let alice = Identity::Principal(Principal::from_trusted_proxy("alice").expect("a name"));
    let decision = file.decide(&alice, "team/new", Access::Write);
    assert!(matches!(decision, Decision::Allow { .. }), "who creates may write");
}

#[test]
fn a_trusted_proxy_vouches_for_principals() {
    use Access::{Read, Write};
    let authorizer = authorizer(FILE);
    let table = [
        ("alice", "team/app", Write, "allow alice"),
        ("ci", "ci", Write, "allow ci"),
        ("carol", "secret/listed", Write, "allow carol"),
        ("carol", "secret/listed", Read, "allow carol"),
        ("stranger", "other/app", Read, "allow stranger"),
        ("stranger", "other/app", Write, "ask 403"),
        ("stranger", "inner/app", Read, "allow stranger"),
        ("stranger", "secret/app", Read, "403"),
        ("stranger", "secret/app", Write, "403"),
    ];
    for (name, repository, access, expected) in table {
        let identity = Identity::Principal(Principal::from_trusted_proxy(name).unwrap());
        let decision = authorizer.decide(&identity, repository, access);
        assert_eq!(word(&decision), expected, "{name} {repository} {access:?}");
    }
    for name in ["", "a\nb", "a\0", &"x".repeat(257)] {
        assert!(Principal::from_trusted_proxy(name).is_err(), "{name:?}");
    }
}

#[test]
fn without_a_file_everybody_reads_and_the_repository_decides_pushes() {
    let cache = Arc::new(VerifiedCache::new().unwrap());
    let closed = Authorizer::new(Arc::new(AccessFile::default()), Arc::clone(&cache));
    let open = Authorizer::new(Arc::new(AccessFile::default().allow_push()), cache);
    assert_eq!(word(&closed.authorize("a", Access::Read, None)), "allow");
    // Nobody has credentials that could help.
    assert_eq!(word(&closed.authorize("a", Access::Write, None)), "ask 403");
    assert_eq!(word(&open.authorize("a", Access::Read, None)), "allow");
    assert_eq!(word(&open.authorize("a", Access::Write, None)), "allow");
    for authorizer in [closed, open] {
        let claim = basic("alice", "x");
        assert_eq!(word(&authorizer.authorize("a", Access::Read, Some(&claim))), "401");
    }
}

#[test]
fn allow_push_opens_nothing_that_the_file_restricts() {
    let file = AccessFile::parse(FILE).unwrap().allow_push();
    let cache = Arc::new(VerifiedCache::new().unwrap());
    let authorizer = Authorizer::new(Arc::new(file), cache);
    for (repository, access, expected) in [
        ("other/app", Access::Write, "allow"),
        ("secret/app", Access::Read, "401"),
        ("secret/app", Access::Write, "401"),
        ("inner/app", Access::Write, "401"),
        ("closed/app", Access::Write, "401"),
    ] {
        assert_eq!(word(&authorizer.authorize(repository, access, None)), expected, "{repository}");
    }
    // `write` at the top of the file is the operator's word, and the flag does not change it.
    let closed = AccessFile::parse("write = 'nobody'").unwrap().allow_push();
    let cache = Arc::new(VerifiedCache::new().unwrap());
    let closed = Authorizer::new(Arc::new(closed), cache);
    assert_eq!(word(&closed.authorize("a", Access::Write, None)), "403");
}

#[test]
fn the_default_of_the_file_holds_where_no_rule_tells() {
    let text =
        "read = 'principals'\nwrite = ['zoe']\n[[repository]]\nname='open/*'\nread='everyone'";
    let authorizer = authorizer(text);
    let zoe = Identity::Principal(Principal::from_trusted_proxy("zoe").unwrap());
    let other = Identity::Principal(Principal::from_trusted_proxy("other").unwrap());
    let table = [
        (&Identity::Anonymous, "a", Access::Read, "403"),
        (&Identity::Anonymous, "open/a", Access::Read, "allow"),
        (&Identity::Anonymous, "open/a", Access::Write, "403"),
        (&other, "a", Access::Read, "allow other"),
        (&other, "a", Access::Write, "403"),
        (&zoe, "a", Access::Write, "allow zoe"),
    ];
    for (identity, repository, access, expected) in table {
        let decision = authorizer.decide(identity, repository, access);
        assert_eq!(word(&decision), expected, "{identity:?} {repository} {access:?}");
    }
}

#[test]
fn a_challenge_names_the_realm() {
    let with_realm = authorizer(r#"realm = 'a "b" \c'"#);
    let Decision::AskRepository(refusal) = with_realm.authorize("a", Access::Write, None) else {
        panic!("a file with a realm takes credentials");
    };
    assert_eq!(refusal, Refusal::Challenge { realm: r#"a "b" \c"#.into() });
    assert_eq!(
        refusal.www_authenticate().as_deref(),
        Some(r#"Basic realm="a \"b\" \\c", charset="UTF-8""#)
    );
    let Decision::Refuse(refusal) = authorizer("").authorize("a", Access::Read, Some(b"x")) else {
        panic!("malformed credentials are refused");
    };
    assert_eq!(
        refusal.www_authenticate().as_deref(),
        Some(r#"Basic realm="git", charset="UTF-8""#)
    );
    assert_eq!(Refusal::Deny { message: "no" }.www_authenticate(), None);
}

#[test]
fn a_verified_password_is_not_hashed_again() {
    let cache = Arc::new(VerifiedCache::new().unwrap());
    let file = Arc::new(AccessFile::parse(FILE).unwrap());
    let authorizer = Authorizer::new(file, Arc::clone(&cache));
    let right = basic("alice", "correct horse");
    let Identification::Unverified(first) = authorizer.identify(Some(&right)) else {
        panic!("nothing is remembered yet");
    };
    let Identification::Unverified(second) = authorizer.identify(Some(&right)) else {
        panic!("nothing is remembered yet");
    };
    let identity = std::thread::spawn(move || first.verify()).join().unwrap();
    assert!(matches!(&identity, Identity::Principal(principal) if principal.name() == "alice"));
    assert_eq!(second.verify(), identity);
    assert!(matches!(authorizer.identify(Some(&right)),
        Identification::Known(Identity::Principal(principal)) if principal.name() == "alice"));

    // Failures and unknown names are never remembered.
    for claim in [basic("alice", "wrong"), basic("mallory", "correct horse")] {
        for _ in 0..2 {
            let Identification::Unverified(verification) = authorizer.identify(Some(&claim)) else {
                panic!("it costs a hashing every time");
            };
            assert_eq!(verification.verify(), Identity::Rejected);
        }
    }

    // A reloaded file with another hash does not profit from the old one.
    let changed = FILE.replace(
        "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2",
        "$2b$04$87st.Y8vxgxCgruubfDQ/uikAzvLv.whGqigcvJcaY49Ww3zrV5Li",
    );
    let reloaded = Authorizer::new(Arc::new(AccessFile::parse(&changed).unwrap()), cache);
    assert_eq!(word(&reloaded.authorize("a", Access::Read, Some(&right))), "401");
}

#[test]
fn random_headers_are_rejected_without_panic() {
    let authorizer = authorizer(FILE);
    // xorshift64, so that a failure can be replayed.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut unverified = 0;
    for round in 0..50_000 {
        let length = (random() % 40) as usize;
        let bytes: Vec<u8> = (0..length).map(|_| random() as u8).collect();
        let header = match round % 3 {
            0 => bytes,
            1 => [b"Basic ".as_slice(), &bytes].concat(),
            _ => format!("Basic {}", STANDARD.encode(bytes)).into_bytes(),
        };
        match authorizer.identify(Some(&header)) {
            Identification::Known(identity) => assert_eq!(identity, Identity::Rejected),
            // A well-formed claim; of an unknown name, so not worth the hashing.
            Identification::Unverified(_) => unverified += 1,
        }
    }
    assert!(unverified < 5_000, "{unverified}");
}

#[test]
fn random_names_do_not_panic() {
    let authorizer = authorizer(FILE);
    let pieces = ["secret", "/", ".git", ".", "..", "app", "\0", "ä", "\n", "*", "[", "\\", "{"];
    for number in 0..pieces.len().pow(4) {
        let name: String =
            (0..4).map(|digit| pieces[number / pieces.len().pow(digit) % pieces.len()]).collect();
        let decision = authorizer.authorize(&name, Access::Read, None);
        if name.starts_with("secret/") {
            assert_eq!(word(&decision), "401", "{name:?}");
        }
    }
}

#[test]
fn all_of_it_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<AccessFile>();
    shared::<Authorizer>();
    shared::<VerifiedCache>();
    shared::<gitwasi_access::Verification>();
}
