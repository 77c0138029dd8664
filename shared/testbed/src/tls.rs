//! Certificates: a private authority and what it issues, right or deliberately wrong.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A private certificate authority.
pub struct Ca {
    /// Its certificate, to be trusted.
    pub pem: String,
    /// The same in DER.
    pub der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate with its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub cert_pem: String,
    /// Its private key, PKCS #8.
    pub key_pem: String,
    /// The certificate in DER.
    pub cert_der: Vec<u8>,
    /// Its private key in DER, PKCS #8.
    pub key_der: Vec<u8>,
}

impl Ca {
    /// A new authority. Two of the same name do not trust each other's certificates.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            der: certificate.der().to_vec(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A valid certificate for host names and addresses.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.sign(&server(names))
    }

    /// A certificate by which a client says that it is `name`.
    pub fn issue_client(&self, name: &str) -> Issued {
        let mut params = server(&[name]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// One that expired at the beginning of 2021.
    pub fn issue_expired(&self, names: &[&str]) -> Issued {
        let mut params = server(names);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign(&params)
    }

    /// One that becomes valid in the year 4000.
    pub fn issue_not_yet_valid(&self, names: &[&str]) -> Issued {
        let mut params = server(names);
        params.not_before = date_time_ymd(4000, 1, 1);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            cert_der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        }
    }
}

fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let first = names.first().cloned().unwrap_or_default();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, first);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}
