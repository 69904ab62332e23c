//! Files that are sent as they are stored.

use crate::storage::{BLOCK_SIZE, StorageFile};
use crate::upload_pack::Output;
use crate::{Error, Result};

/// Writes a part of `file`, block by block. Its blocks are not cached: a dumb client asks once.
pub(super) async fn read(
    file: &impl StorageFile,
    mut offset: u64,
    mut length: Option<u64>,
    output: &mut impl Output,
) -> Result<()> {
    loop {
        let most = length.map_or(BLOCK_SIZE, |left| left.min(BLOCK_SIZE as u64) as usize);
        if most == 0 {
            return Ok(());
        }
        let piece = file.read_at(offset, most).await?;
        let read = piece.len() as u64;
        if read == 0 {
            return match length {
                Some(_) => Err(Error::corrupt("a file that ends early")),
                None => Ok(()),
            };
        }
        offset += read;
        length = length.map(|left| left.saturating_sub(read));
        output.write(piece).await?;
    }
}
