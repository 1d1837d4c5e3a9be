set(libraries PkgConfig::PCRE2)
