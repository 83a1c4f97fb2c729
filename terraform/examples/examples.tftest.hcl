# Each example is planned as it is: terraform test -test-directory=examples -var-file=examples/minimal.tfvars

mock_provider "google" {
  override_during = plan
  source          = "./tests/mock"
}

run "an_example_can_be_planned" {
  command = plan

  assert {
    condition     = google_storage_bucket.store["primary"].public_access_prevention == "enforced"
    error_message = "The example's bucket is not closed to the public."
  }
}
