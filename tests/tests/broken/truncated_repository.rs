//! The repository is damaged under its reader.

use std::fs;

use e2e::{Backend, Cell, Ending, Request, Setup, World};

use crate::{LARGE, fetch, large_on, on_each_backend};

on_each_backend!(
    pack_cut_in_mid_fetch_is_no_whole_response,
    pack_cut_in_mid_download_is_no_whole_file,
    missing_objects_fail_the_clone,
);

fn pack_cut_in_mid_fetch_is_no_whole_response(backend: Backend) {
    let (world, repository, server) = large_on(backend);
    let transfer = server.connect().transfer(&fetch(&repository, "big")).until(10_000);
    assert_eq!(transfer.so_far().status, 200);
    for pack in repository.packs() {
        if fs::metadata(&pack).unwrap().len() > 1 << 20 {
            fs::File::options().write(true).open(&pack).unwrap().set_len(1 << 20).unwrap();
        }
    }
    let rest = transfer.finish();
    assert!(rest.body.len() < LARGE);
    // Git's process may find words for it before it dies: band 3 or a broken transfer, not an end.
    let told = String::from_utf8_lossy(&rest.body)
        .contains("aborting due to possible repository corruption");
    assert!(told || rest.ending != Ending::Complete, "{rest:?}");
    let outcome = world.git().refused(["clone", "--quiet", &server.url("app.git"), "copy"]);
    assert_eq!(outcome.code, Some(128));
}

fn pack_cut_in_mid_download_is_no_whole_file(backend: Backend) {
    let (_world, repository, server) = large_on(backend);
    let pack = repository.packs().into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len());
    let pack = pack.unwrap();
    let path = format!("/app.git/objects/pack/{}", pack.file_name().unwrap().display());
    let transfer = server.connect().transfer(&Request::get(path)).until(10_000);
    assert_eq!(transfer.so_far().status, 200);
    fs::File::options().write(true).open(&pack).unwrap().set_len(8 << 20).unwrap();
    let rest = transfer.finish();
    assert!(matches!(rest.ending, Ending::Broken(_)), "{rest:?}");
}

fn missing_objects_fail_the_clone(backend: Backend) {
    let world = World::new(Cell { backend, ..Cell::DEFAULT });
    let repository = world.small("app.git");
    let tree = repository.oid("main^{tree}");
    fs::remove_file(repository.path().join(format!("objects/{}/{}", &tree[..2], &tree[2..])))
        .unwrap();
    let server = world.serve(&Setup::default());
    let outcome = world.git().refused(["clone", &server.url("app.git"), "copy"]);
    assert_eq!(outcome.code, Some(128));
    assert!(!world.work().join("copy").exists());
}
