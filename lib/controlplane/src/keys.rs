//! What a control plane signs and recognises people by; made anew for each.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

use crate::Error;

/// What precedes the point of a P-256 public key in a `SubjectPublicKeyInfo` (RFC 5480): the two names of algorithm and curve.
const PUBLIC_KEY_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The keys for tokens of service accounts, as PEM.
pub(crate) struct Signing {
    pub(crate) private: String,
    pub(crate) public: String,
}

impl Signing {
    pub(crate) fn new() -> Result<Self, Error> {
        let random = SystemRandom::new();
        let private =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(|_| Error::Keys)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref(), &random)
            .map_err(|_| Error::Keys)?;
        let public = [&PUBLIC_KEY_HEAD, pair.public_key().as_ref()].concat();
        Ok(Self { private: pem("PRIVATE KEY", private.as_ref()), public: pem("PUBLIC KEY", &public) })
    }
}

/// A token that nobody can guess.
pub(crate) fn token() -> Result<String, Error> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Keys)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn pem(title: &str, bytes: &[u8]) -> String {
    format!("-----BEGIN {title}-----\n{}\n-----END {title}-----\n", STANDARD.encode(bytes))
}
