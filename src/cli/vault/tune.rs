//! `cldkctl vault tune`: make trying passphrases as costly as this machine allows.

use std::time::{Duration, Instant};

use clap::Args;

use crate::app::Task;
use crate::cli::error::{CostError, Error, VaultError};
use crate::cli::settings::Settings;
use crate::cli::size::Size;
use crate::interrupt;
use crate::secret::Passphrase;
use crate::vault::{Cost, Kdf, Salt};

/// How long a derivation may take where nothing else is said.
const TARGET: Duration = Duration::from_secs(1);

/// Choose the cost of the vault's key derivation for this machine, under the same passphrase
///
/// Measures how long a pass over the memory takes here, and takes as many as fit into the
/// target. The cost gets lower than it is only where --target or --memory says so. The
/// passphrase is needed, also while the vault is unlocked.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault tune",
    "cldkctl vault tune --target 2s --memory 512MiB"
))]
pub(super) struct TuneArgs {
    /// How long a derivation may take here [default: 1s, or as long as what the vault has takes]
    #[arg(long, value_name = "TIME", value_parser = parse_target)]
    target: Option<Duration>,

    /// How much memory a derivation may take [default: 256MiB, or what the vault has]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Size>,
}

impl TuneArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let path = settings.vault.path().display();
        let sealed = settings.vault.sealed()?;
        let Some(kdf) = settings.vault.unlocker.kdf(&sealed)? else {
            return Err(VaultError::NoCost(settings.vault.path().to_owned()).into());
        };
        if settings.vault.unlocker.identity.is_some() {
            return Err(VaultError::IdentityDerives.into());
        }
        let had = kdf.cost;
        let fewest = self.fewest(settings, had)?;
        // Before the machine is measured, which takes seconds: what is typed then would be shown.
        let opened = settings.vault.unlocker.passphrase_of_owner(&sealed)?;
        let (key, source, passphrase) = opened.expect("a passphrase opens it");
        let mut vault = settings.vault.open_with(key, source, &sealed)?;
        let cost = self.measure(settings, had, fewest)?;
        settings.console.note(&format!(
            "The vault {path} has {had}; for this machine, take {cost}"
        ));
        if cost.memory_kib < had.memory_kib || cost.work() < had.work() {
            settings
                .console
                .warn("that is less than it has, and makes trying passphrases cheaper");
        }
        let (key, entry) = settings.vault.unlocker.derive_new(cost, &passphrase)?;
        vault.update_passphrase(Some(entry))?;
        settings.vault.unlocker.keep_instead(&sealed, &key);
        settings
            .console
            .note(&format!("The vault {path} now has {cost}"));
        Ok(())
    }

    /// The fewest passes that are allowed, over the memory that was asked for.
    fn fewest(&self, settings: &Settings, had: Cost) -> Result<Cost, Error> {
        let memory_kib = match self.memory {
            Some(size) => size.0,
            None => Cost::DEFAULT.memory_kib.max(had.memory_kib),
        };
        let cost = |iterations| Cost {
            memory_kib,
            iterations,
            lanes: Cost::DEFAULT.lanes,
        };
        let Some(fewest) = (1..=2).map(cost).find(Cost::is_enough) else {
            return Err(CostError::TooLittleMemory.into());
        };
        if !settings.vault.unlocker.ceiling.allows(&fewest) {
            return Err(CostError::TooMuchMemory.into());
        }
        Ok(fewest)
    }

    /// The most passes that fit into the target, at least the `fewest`; and no less work than
    /// the vault `had`, unless a target was given.
    fn measure(&self, settings: &Settings, had: Cost, fewest: Cost) -> Result<Cost, Error> {
        let memory_kib = fewest.memory_kib;
        let cost = |iterations| Cost {
            iterations,
            ..fewest
        };
        let _progress = settings.ui.progress(Task::Measure);
        let time = |iterations| -> Result<Duration, Error> {
            let kdf = Kdf {
                salt: Salt::generate()?,
                cost: cost(iterations),
            };
            let start = Instant::now();
            kdf.derive(&Passphrase::new("how long does this take"))?;
            Ok(start.elapsed())
        };
        // One pass has the cost of getting the memory in it; the difference has not.
        // Twice each, as other programs only make it longer; and where they were about in the
        // first alone, a pass is still no small part of three.
        let least = |iterations| Ok::<_, Error>(time(iterations)?.min(time(iterations)?));
        let (one, three) = (least(1)?, least(3)?);
        let pass = (three.saturating_sub(one) / 2).max(three / 8);
        let room = self.target.unwrap_or(TARGET).saturating_sub(one);
        let more = room.as_nanos() / pass.as_nanos().max(1);
        let most = settings.vault.unlocker.ceiling.0.iterations;
        let iterations = u32::try_from(more.saturating_add(1))
            .unwrap_or(most)
            .max(fewest.iterations);
        let kept = had.work().div_ceil(u64::from(memory_kib));
        let kept = u32::try_from(kept).unwrap_or(most);
        let iterations = match self.target {
            Some(_) => iterations,
            None => iterations.max(kept),
        };
        settings
            .console
            .detail(&format!("one pass takes {} ms", pass.as_millis()));
        Ok(cost(iterations.min(most)))
    }
}

fn parse_target(text: &str) -> Result<Duration, &'static str> {
    let wrong = "a target is a time of 100ms to 60s, such as 1s";
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong)?;
    match Duration::try_from(span) {
        Ok(target) if (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&target) => {
            Ok(target)
        }
        _ => Err(wrong),
    }
}
