//! Password hashes made by other tools, and texts that are refused.

use gitwasi_access::{HashError, MAX_PASSWORD, PasswordHash};

/// Passwords and hashes, by argon2-cffi 25.1.0, Python's bcrypt 5.0.0, and perl's crypt.
const FOREIGN: &[(&str, &str)] = &[
    (
        "correct horse",
        "$argon2id$v=19$m=65536,t=3,p=4$AnYhWT6gI9OFcJYiJUsYqA\
         $iHHGzkh/EZNWqZHutZUifdqlfPcOGoSVVRTVF+z2cWQ",
    ),
    (
        "p\u{e4}ss:w\u{f6}rd \u{1f511}",
        "$argon2id$v=19$m=1024,t=2,p=1$ScRDTdJvEMqK9SpmBn0rew\
         $pxaxSultpSn/HvxYzxI7VkYv+tv1y6YL4Zzq8NTXoNM",
    ),
    ("short", "$argon2id$v=19$m=1024,t=2,p=1$KFJbeWn80wc$vVdD0Xmy3CvQX6G2sRxhYQ"),
    ("correct horse", "$2a$05$ShyB1GkWBTcLkLwLATtd0eig/e0lRV92ef373tEE5DH7cwsGH6fGC"),
    ("correct horse", "$2b$05$3Q9wM8f/TFBBpwG18WjJbe5lDGdsxEydlEmcHyMPFsUbs0nYNGYCS"),
    ("p\u{e4}ssw\u{f6}rd", "$2b$04$87st.Y8vxgxCgruubfDQ/uikAzvLv.whGqigcvJcaY49Ww3zrV5Li"),
    ("correct horse", "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"),
];

#[test]
fn hashes_of_other_tools_are_verified() {
    for (password, text) in FOREIGN {
        let hash = PasswordHash::parse(text).unwrap();
        assert_eq!(hash.as_str(), *text);
        assert!(hash.verify(password.as_bytes()), "{text}");
        assert!(!hash.verify(format!("{password} ").as_bytes()), "{text}");
        assert!(!hash.verify(password.to_uppercase().as_bytes()), "{text}");
        assert!(!hash.verify(b""), "{text}");
    }
}

#[test]
fn bcrypt_reads_72_bytes_as_elsewhere() {
    // By perl's crypt, of 80 times "x".
    let text = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    let hash = PasswordHash::parse(text).unwrap();
    assert!(hash.verify(&[b'x'; 80]));
    assert!(hash.verify(&[b'x'; 72]));
    assert!(!hash.verify(&[b'x'; 71]));
}

#[test]
fn a_new_hash_is_argon2id_with_the_recommended_cost_and_a_fresh_salt() {
    let password = "p\u{e4}ss:\u{1f511}".as_bytes();
    let one = PasswordHash::create(password).unwrap();
    let two = PasswordHash::create(password).unwrap();
    assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_str());
    assert_ne!(one, two);
    assert!(one.verify(password) && two.verify(password));
    assert!(!one.verify(b"else"));
    assert_eq!(PasswordHash::parse(one.as_str()).unwrap(), one);
}

#[test]
fn a_password_beyond_the_limit_is_wrong() {
    let longest = vec![b'x'; MAX_PASSWORD];
    let hash = PasswordHash::create(&longest).unwrap();
    assert!(hash.verify(&longest));
    let longer = vec![b'x'; MAX_PASSWORD + 1];
    assert!(!PasswordHash::create(&longer).unwrap().verify(&longer));
}

#[test]
fn texts_that_are_no_usable_hash_are_refused() {
    const SALT: &str = "CtBFt/ttkB8QO+Z+vbpUNA";
    const OUTPUT: &str = "3MAtdysFVJk3L+tCr7ku1uRG0mWQgZ7eBTBBlj9IFBw";
    const BCRYPT: &str = "abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";
    let argon2 = |head: &str| format!("$argon2id${head}${SALT}${OUTPUT}");
    let table = [
        ("hunter2".into(), HashError::Unknown),
        (String::new(), HashError::Unknown),
        ("$apr1$abcdefgh$0123456789012345678901".into(), HashError::Unknown),
        ("{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=".into(), HashError::Unknown),
        (format!("$argon2i$v=19$m=1024,t=2,p=1${SALT}${OUTPUT}"), HashError::Unknown),
        (format!("$2x$05${BCRYPT}"), HashError::Unknown),
        ("$argon2id$".into(), HashError::Malformed),
        (argon2("m=1024,t=2,p=1"), HashError::Malformed),
        (argon2("v=16$m=1024,t=2,p=1"), HashError::Malformed),
        (argon2("v=19$m=1024,t=2,p=0"), HashError::Malformed),
        (argon2("v=19$m=1024,t=2,x=1"), HashError::Malformed),
        (argon2("v=19$m=99999999999,t=2,p=1"), HashError::Malformed),
        (format!("$argon2id$v=19$m=1024,t=2,p=1${SALT}"), HashError::Malformed),
        ("$argon2id$v=19$m=1024,t=2,p=1$YQ$YWFhYWFhYWFhYWFh".into(), HashError::Malformed),
        (argon2("v=19$m=262145,t=1,p=1"), HashError::TooExpensive),
        (argon2("v=19$m=262144,t=17,p=1"), HashError::TooExpensive),
        (argon2("v=19$m=8,t=4294967295,p=1"), HashError::TooExpensive),
        ("$2y$05$short".into(), HashError::Malformed),
        (format!("$2y$05${}\u{e4}", &BCRYPT[..51]), HashError::Malformed),
        (format!("$2y$xx${BCRYPT}"), HashError::Malformed),
        (format!("$2y$03${BCRYPT}"), HashError::Malformed),
        (format!("$2y$17${BCRYPT}"), HashError::TooExpensive),
        (format!("$2y$31${BCRYPT}"), HashError::TooExpensive),
    ];
    for (text, expected) in table {
        assert_eq!(PasswordHash::parse(&text), Err(expected), "{text}");
        assert!(text.is_empty() || !expected.to_string().contains(&text), "{text}");
    }
    assert!(PasswordHash::parse(&argon2("v=19$m=262144,t=16,p=1")).is_ok());
    assert!(PasswordHash::parse(&format!("$2y$16${BCRYPT}")).is_ok());
}

#[test]
fn a_hash_is_not_printed() {
    for (_, text) in FOREIGN {
        let printed = format!("{:?}", PasswordHash::parse(text).unwrap());
        assert!(!printed.contains(&text[text.len() - 10..]), "{printed}");
    }
}
