# 1.9 is the first version in which a validation can read other variables and locals.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.7"
    }
  }

  # The bucket is made by hand, once (docs/deploy.md), and given at init: -backend-config=bucket=...
  backend "gcs" {
    prefix = "switchyard"
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = { app = "switchyard" }
}
