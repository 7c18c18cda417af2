use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the programs are that the sink is compared with; a program that could not be had is not there.
#[derive(Debug)]
pub struct Programs {
    /// Azurite.
    pub azurite: PathBuf,
    pub(super) azcopy: PathBuf,
    pub(super) python: PathBuf,
}

impl Programs {
    /// Names the executable `azurite-blob`.
    pub const AZURITE: &str = "JABBER_ARCHIVE_TEST_AZURITE";

    /// Installs what is not there yet, by `benches/setup`.
    ///
    /// # Panics
    ///
    /// If there is no shell.
    pub fn install() -> Self {
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("setup")).status().expect("sh runs");
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        Self {
            azurite: env::var_os(Self::AZURITE).map_or_else(|| target.join("azurite/node_modules/.bin/azurite-blob"), PathBuf::from),
            azcopy: target.join(format!("azcopy/node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_{architecture}")),
            python: target.join("azure-storage-blob/bin/python"),
        }
    }
}
