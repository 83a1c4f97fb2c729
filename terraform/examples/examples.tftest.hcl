# Plans each example: terraform test -test-directory=examples -var-file=examples/minimal.tfvars

mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

variables {
  without_jobs = true # an example without images is for a first apply
}

run "example_can_be_planned" {
  command = plan

  assert {
    condition     = google_storage_bucket.store["primary"].public_access_prevention == "enforced"
    error_message = "The example's bucket allows public access."
  }
}
