"""What tests share: trained runs, small models, damaged files, stand-ins."""
