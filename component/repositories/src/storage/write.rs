//! Writing below a preopened directory.

use gitwasi_engine::storage::{StorageError, StorageWriter, WriteStorage};

use super::{PreopenFile, PreopenStorage, relative, write_error};
use crate::bindings::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use crate::bindings::wasi::random::random;
use crate::bindings::wit_stream;

impl WriteStorage for PreopenStorage {
    type Writer = PreopenFile;

    async fn create_new(&self, path: &str) -> Result<PreopenFile, StorageError> {
        self.writer(path, OpenFlags::CREATE | OpenFlags::EXCLUSIVE).await
    }

    async fn open_or_create(&self, path: &str) -> Result<PreopenFile, StorageError> {
        self.writer(path, OpenFlags::CREATE).await
    }

    async fn create_directory(&self, path: &str) -> Result<(), StorageError> {
        self.directory.create_directory_at(relative(path)).await.map_err(write_error)
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let to = relative(to);
        self.directory.rename_at(relative(from), &self.directory, to).await.map_err(write_error)
    }

    async fn link(&self, from: &str, to: &str) -> Result<(), StorageError> {
        let (from, to) = (relative(from), relative(to));
        let linked = self.directory.link_at(PathFlags::empty(), from, &self.directory, to);
        linked.await.map_err(write_error)
    }

    async fn remove_file(&self, path: &str) -> Result<(), StorageError> {
        self.directory.unlink_file_at(relative(path)).await.map_err(write_error)
    }

    async fn remove_directory(&self, path: &str) -> Result<(), StorageError> {
        self.directory.remove_directory_at(relative(path)).await.map_err(write_error)
    }

    async fn sync_directory(&self, path: &str) -> Result<(), StorageError> {
        let directory = self.open_at(path, OpenFlags::DIRECTORY, DescriptorFlags::READ).await;
        directory.map_err(write_error)?.sync().await.map_err(write_error)
    }

    fn random(&self) -> u64 {
        random::get_random_u64()
    }
}

impl PreopenStorage {
    async fn writer(&self, path: &str, open: OpenFlags) -> Result<PreopenFile, StorageError> {
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        // A link would be written through, to wherever it leads below the root.
        let file = self.directory.open_at(PathFlags::empty(), relative(path), open, flags).await;
        Ok(PreopenFile { file: file.map_err(write_error)? })
    }
}

impl StorageWriter for PreopenFile {
    async fn write_at(&self, offset: u64, bytes: Vec<u8>) -> Result<(), StorageError> {
        let (mut writer, data) = wit_stream::new();
        let outcome = self.file.write_via_stream(data, offset);
        // What is left over was not taken because writing failed, and the outcome tells why.
        let left = writer.write_all(bytes).await;
        drop(writer);
        outcome.await.map_err(write_error)?;
        match left.is_empty() {
            true => Ok(()),
            false => Err(StorageError::Failed("a short write".to_owned())),
        }
    }

    async fn set_size(&self, size: u64) -> Result<(), StorageError> {
        self.file.set_size(size).await.map_err(write_error)
    }

    async fn sync(&self) -> Result<(), StorageError> {
        self.file.sync().await.map_err(write_error)
    }
}
