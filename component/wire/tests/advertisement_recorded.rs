//! What real git advertises in versions 0 and 1, as recorded in `fixtures/`.

use bstr::{BString, ByteSlice};
use gitwasi_wire::{
    ObjectFormat, Oid, ProtocolVersion, RefAdvertisement, Service, info_refs, receive_pack,
    upload_pack,
};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("fixtures/", $name))
    };
}

/// `<oid> <name>` lines, one of them perhaps ending in `^{}`.
fn advertise(
    service: Service,
    version: ProtocolVersion,
    format: ObjectFormat,
    capabilities: Vec<u8>,
    refs: &[&str],
    shallow: &[&str],
) -> BString {
    let oid = |hex: &str| Oid::from_hex(hex.as_bytes()).expect("an oid");
    let mut out = Vec::new();
    info_refs::service_header(service, version, &mut out);
    let mut advertisement = RefAdvertisement::new(version, format, capabilities, &mut out);
    for line in refs {
        let (hex, name) = line.split_once(' ').expect("a space");
        match name.strip_suffix("^{}") {
            Some(name) => advertisement.peeled(oid(hex), name.as_bytes(), &mut out),
            None => advertisement.reference(oid(hex), name.as_bytes(), &mut out),
        }
        .expect("short");
    }
    advertisement.finish(shallow.iter().map(|hex| oid(hex)), &mut out).expect("short");
    out.into()
}

fn upload_pack() -> upload_pack::v0::Advertised {
    upload_pack::v0::Advertised::new("git/2.47.3", ObjectFormat::Sha1)
}

fn receive_pack(format: ObjectFormat) -> receive_pack::Advertised {
    receive_pack::Advertised::new("git/2.47.3", format)
}

#[test]
fn refs_are_advertised_to_a_fetch() {
    let capabilities = upload_pack::v0::Advertised {
        // `uploadpack.allowAnySHA1InWant` shows as these two.
        allow_tip_in_want: true,
        allow_reachable_in_want: true,
        filter: true,
        symrefs: vec![("HEAD".into(), "refs/heads/main".into())],
        ..upload_pack()
    };
    let refs = [
        "a8908739b26989510465f4088d406dcd8fd3a930 HEAD",
        "a8908739b26989510465f4088d406dcd8fd3a930 refs/heads/main",
        "4db26a56ac03fc95889693e8cad479be7c872d28 refs/heads/side",
        "fb2e9b717decdade4d4c592e55e531ca662d15b1 refs/tags/v1.0",
        "0b2ba3f62f6366341f052a3747da6e0da3ca6baf refs/tags/v1.0^{}",
    ];
    let advertised = |version| {
        let list = capabilities.list();
        advertise(Service::UploadPack, version, ObjectFormat::Sha1, list, &refs, &[])
    };
    assert_eq!(
        advertised(ProtocolVersion::V0),
        fixture!("clone-v0/01-info-refs.response").as_bstr()
    );
    assert_eq!(
        advertised(ProtocolVersion::V1),
        fixture!("clone-v1/01-info-refs.response").as_bstr()
    );
}

#[test]
fn a_repository_without_refs_advertises_its_capabilities() {
    let advertised = advertise(
        Service::UploadPack,
        ProtocolVersion::V0,
        ObjectFormat::Sha1,
        upload_pack().list(),
        &[],
        &[],
    );
    assert_eq!(advertised, fixture!("empty-v0/01-info-refs.response").as_bstr());
}

#[test]
fn a_shallow_repository_says_where_it_ends() {
    let capabilities = upload_pack::v0::Advertised {
        symrefs: vec![("HEAD".into(), "refs/heads/main".into())],
        ..upload_pack()
    };
    let advertised = advertise(
        Service::UploadPack,
        ProtocolVersion::V0,
        ObjectFormat::Sha1,
        capabilities.list(),
        &[
            "2b4023c59d6382893a840113aba49a9c03087df1 HEAD",
            "2b4023c59d6382893a840113aba49a9c03087df1 refs/heads/main",
        ],
        &["9cb5ff364cf9c57030d504ee6fa43314b5b6c25b"],
    );
    assert_eq!(advertised, fixture!("cut-v0/01-info-refs.response").as_bstr());

    let advertised = advertise(
        Service::ReceivePack,
        ProtocolVersion::V1,
        ObjectFormat::Sha1,
        receive_pack(ObjectFormat::Sha1).list(),
        &["2b4023c59d6382893a840113aba49a9c03087df1 refs/heads/main"],
        &["9cb5ff364cf9c57030d504ee6fa43314b5b6c25b"],
    );
    assert_eq!(advertised, fixture!("cut-push-v1/01-info-refs.response").as_bstr());
}

/// git's client asks for version 0 when it pushes, whatever `protocol.version` says.
#[test]
fn refs_are_advertised_to_a_push() {
    let advertised = |capabilities: receive_pack::Advertised, refs: &[&str]| {
        let (format, list) = (capabilities.object_format, capabilities.list());
        advertise(Service::ReceivePack, ProtocolVersion::V0, format, list, refs, &[])
    };
    assert_eq!(
        advertised(receive_pack(ObjectFormat::Sha256), &[]),
        fixture!("push-sha256/01-info-refs.response").as_bstr()
    );

    let recorded = fixture!("push-signed/01-info-refs.response");
    let nonce = recorded.find(b"push-cert=").expect("a nonce") + b"push-cert=".len();
    let nonce = recorded[nonce..].split_str(" ").next().expect("its end");
    let capabilities = receive_pack::Advertised {
        push_options: true,
        push_cert_nonce: Some(nonce.into()),
        ..receive_pack(ObjectFormat::Sha1)
    };
    let refs = ["7730dd6eae224f9f09085697b329c5377cfe1ea1 refs/heads/main"];
    assert_eq!(advertised(capabilities, &refs), recorded.as_bstr());
}
