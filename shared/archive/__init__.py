"""Reads and writes artifacts and manifests: compression, encryption, hashes and seals in one pass.

The layers of an artifact, from the inside out:

    plain bytes    SHA-256 and length are recorded
    compression    gzip (RFC 1952) for `sql`, zstd (RFC 8878) for `sqlite`; one member, one frame
    encryption     Tink streaming AEAD, AES256_GCM_HKDF_1MB, under the backup's data key
    stored bytes   SHA-256, CRC32C and length are recorded
"""
