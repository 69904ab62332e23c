//! Edits of an access file keep what they are not about, byte for byte.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gitwasi_access::{
    Access, AccessFile, Authorizer, Decision, EditError, FileError, MAX_PASSWORD, VerifiedCache,
    remove, set_password,
};

const FILE: &str = r#"# The file of the team.
read    = "everyone"   # the default

# Root keys end here.

# alice leads.
[users.alice]
password = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2" # her laptop's
write = [ "team/*",   'alice/**' ]

# bob is new.
[users.bob] # hired in May
read = ["secret/app"]

# Nobody else's business.
[[repository]]
name = "secret/**"
read = ["bob", "alice"]  # both
# the end
"#;

const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";

/// The text with every argon2id hash replaced by `HASHED`.
fn hashed(text: &str) -> String {
    let mut parts = text.split("$argon2id$");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find('"').expect("the hash stands in quotes");
        out.push_str("HASHED");
        out.push_str(&part[end..]);
    }
    out
}

fn may_sign_in(text: &str, user: &str, password: &str) -> bool {
    let file = AccessFile::parse(text).expect("an edit leaves a well-formed file");
    let cache = VerifiedCache::new().expect("the system has random bytes");
    let header = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let authorizer = Authorizer::new(Arc::new(file), Arc::new(cache));
    let decision = authorizer.authorize("x", Access::Read, Some(header.as_bytes()));
    matches!(decision, Decision::Allow { principal: Some(_) })
}

#[test]
fn a_changed_password_changes_nothing_else() {
    let changed = set_password(FILE, "alice", "n\u{e4}w: \"one\"").unwrap();
    assert_eq!(hashed(&changed), FILE.replace(HASH, "HASHED"));
    assert!(may_sign_in(&changed, "alice", "n\u{e4}w: \"one\""));
    assert!(!may_sign_in(&changed, "alice", "correct horse"));
}

#[test]
fn a_first_password_is_added_to_the_user() {
    let changed = set_password(FILE, "bob", "new").unwrap();
    let expected = FILE.replace("\"secret/app\"]\n", "\"secret/app\"]\npassword = \"HASHED\"\n");
    assert_eq!(hashed(&changed), expected);
}

#[test]
fn a_new_user_comes_after_the_others() {
    let changed = set_password(FILE, "carol", "new").unwrap();
    let expected = FILE
        .replace("\n# Nobody else's", "\n[users.carol]\npassword = \"HASHED\"\n\n# Nobody else's");
    assert_eq!(hashed(&changed), expected);
    assert!(may_sign_in(&changed, "carol", "new"));
}

#[test]
fn a_new_user_is_written_like_the_others() {
    let table = [
        ("", "[users.carol]\npassword = \"HASHED\"\n"),
        ("read = 'nobody'\n", "read = 'nobody'\n\n[users.carol]\npassword = \"HASHED\"\n"),
        (
            "[[repository]]\nname = 'a'\nread = 'nobody'\n",
            "[[repository]]\nname = 'a'\nread = 'nobody'\n\n[users.carol]\npassword = \"HASHED\"\n",
        ),
        ("[users]\nbob = {}\n", "[users]\nbob = {}\n\n[users.carol]\npassword = \"HASHED\"\n"),
        (
            "users = { bob = {} } # x\n",
            "users = { bob = {} , carol = { password = \"HASHED\" } } # x\n",
        ),
        ("users.bob.read = ['a']\n", "users.bob.read = ['a']\nusers.carol.password = \"HASHED\"\n"),
        (
            "[users.bob]\r\nread = ['a'] # x\r\n",
            "[users.bob]\r\nread = ['a'] # x\r\n\r\n[users.carol]\r\npassword = \"HASHED\"\r\n",
        ),
    ];
    for (text, expected) in table {
        let changed = set_password(text, "carol", "new").unwrap();
        assert_eq!(hashed(&changed), expected, "{text:?}");
        assert!(may_sign_in(&changed, "carol", "new") || text.contains("nobody"), "{text:?}");
    }
    let changed = set_password("", "j\u{f6}rg m\u{fc}ller", "new").unwrap();
    assert!(may_sign_in(&changed, "j\u{f6}rg m\u{fc}ller", "new"), "{changed}");
}

#[test]
fn a_removed_user_leaves_no_trace_but_the_file_s_comments() {
    let without_alice = remove(FILE, "alice").unwrap();
    let expected = r#"# The file of the team.
read    = "everyone"   # the default

# Root keys end here.

# bob is new.
[users.bob] # hired in May
read = ["secret/app"]

# Nobody else's business.
[[repository]]
name = "secret/**"
read = ["bob"]  # both
# the end
"#;
    assert_eq!(without_alice, expected);
    let without_both = remove(&without_alice, "bob").unwrap();
    let expected = r#"# The file of the team.
read    = "everyone"   # the default

# Root keys end here.

# Nobody else's business.
[[repository]]
name = "secret/**"
read = []  # both
# the end
"#;
    assert_eq!(without_both, expected);
}

#[test]
fn a_removed_user_takes_no_other_comment_along() {
    let text = "# the file\n\n# alice\n[users.alice]\n";
    assert_eq!(remove(text, "alice").unwrap(), "# the file\n");
    let text = "# the file\n\n# alice\n[users.alice]\n\n[users.bob]\n";
    assert_eq!(remove(text, "alice").unwrap(), "# the file\n\n[users.bob]\n");
    let text = "read = ['alice', 'bob', 'alice']\nusers = { alice = {}, bob = {} }\n";
    assert_eq!(remove(text, "alice").unwrap(), "read = ['bob']\nusers = { bob = {} }\n");
}

#[test]
fn what_cannot_be_edited_is_refused() {
    assert_eq!(remove(FILE, "carol"), Err(EditError::NoSuchUser));
    assert_eq!(remove("", "carol"), Err(EditError::NoSuchUser));
    for name in ["", "a:b", "a\nb", "everyone", &"x".repeat(257)] {
        assert!(matches!(set_password("", name, "x"), Err(EditError::User(_))), "{name:?}");
    }
    for password in ["", "a\0", "a\n", &"x".repeat(MAX_PASSWORD + 1)] {
        assert_eq!(set_password("", "a", password), Err(EditError::Password), "{password:?}");
    }
    let Err(EditError::File(FileError::Syntax { line, .. })) = set_password("\nx = 1", "a", "x")
    else {
        panic!("a faulty file is refused");
    };
    assert_eq!(line, 2);
}
