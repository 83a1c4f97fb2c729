# Variables of every test.
project_id    = "acme-prod"
region        = "europe-west1"
notifications = { emails = ["oncall@acme.example"] }

images = {
  backup            = "europe-west1-docker.pkg.dev/acme-prod/litekeep/backup@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  cleanup           = "europe-west1-docker.pkg.dev/acme-prod/litekeep/cleanup@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
  monitor           = "europe-west1-docker.pkg.dev/acme-prod/litekeep/monitor@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
  restore           = "europe-west1-docker.pkg.dev/acme-prod/litekeep/restore@sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
  verify            = "europe-west1-docker.pkg.dev/acme-prod/litekeep/verify@sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
  console           = "europe-west1-docker.pkg.dev/acme-prod/litekeep/console@sha256:9999999999999999999999999999999999999999999999999999999999999999"
  verify_on_arrival = "europe-west1-docker.pkg.dev/acme-prod/litekeep/verify-on-arrival@sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
}
