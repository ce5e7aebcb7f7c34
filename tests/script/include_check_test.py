#!/usr/bin/env python3
"""script/include-check refuses each kind of wrong arrow, and accepts the right ones."""

import os
import subprocess
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "script",
                      "include-check")


def run(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            place = os.path.join(root, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as out:
                out.write(text)
        return subprocess.run([SCRIPT, root], capture_output=True, text=True, check=False)


class IncludeCheck(unittest.TestCase):
    def refused(self, path, line, words):
        result = run({path: "#pragma once\n" + line + "\n"})
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(f"{path}:2: ", result.stdout)
        self.assertIn(words, result.stdout)

    def accepted(self, files):
        result = run(files)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_a_lower_floor_may_not_include_a_higher_one(self):
        self.refused("server/core/a.c", '#include "server/net/b.h"', "lies above")
        self.refused("server/net/a.h", '#include "server/json/b.h"', "lies above")
        self.refused("server/http/a.c", '#  include "server/filter/b.h"', "lies above")

    def test_a_relative_path_is_no_way_around(self):
        result = run({"server/core/a.c": '#include "../net/b.h"\n', "server/net/b.h": ""})
        self.assertEqual(result.returncode, 1)
        self.assertIn("server/core/a.c:1: ", result.stdout)

    def test_only_main_knows_the_policies(self):
        self.refused("server/gateway/a.c", '#include "policies/policies.h"', "server/main.c")
        self.refused("server/cli/a.c", '#include "policies/jwt/jwt.h"', "server/main.c")

    def test_a_policy_knows_no_neighbour_and_not_the_gateway(self):
        self.refused("policies/jwt/a.c", '#include "policies/schema/b.h"', "neighbour")
        self.refused("policies/jwt/a.c", '#include "server/gateway/b.h"', "gateway")

    def test_a_foreign_library_stays_in_its_folder(self):
        for path, header in [
            ("server/gateway/a.c", "microhttpd.h"), ("server/http/a.c", "hiredis/hiredis.h"),
            ("server/http/a.c", "uv.h"), ("server/http/listener.c", "gnutls/gnutls.h"),
            ("server/http/a.c", "openssl/sha.h"), ("server/crypto/a.c", "jwt.h"),
            ("server/contract/a.c", "idn2.h"), ("policies/schema/a.c", "pcre2.h"),
            ("server/net/a.c", "sqlite3.h"),
        ]:
            self.refused(path, f"#include <{header}>", "may include it")
        self.refused("server/core/a.c", "#include <jansson.h>", "libc only")
        self.refused("server/net/a.c", "#include <event2/event.h>", "no library")

    def test_an_unknown_floor_is_refused(self):
        self.refused("server/util/a.c", '#include "server/core/b.h"', "no floor")

    def test_the_right_arrows_pass(self):
        self.accepted({
            "server/main.c": '#include "policies/policies.h"\n#include "server/cli/cli.h"\n',
            "server/cli/cli.h": '#include "server/gateway/gateway.h"\n',
            "server/gateway/gateway.h": "#include <jansson.h>\n#include <sys/types.h>\n",
            "server/http/tls.c": "#include <gnutls/x509.h>\n",
            "server/store/redis.c": '#include <hiredis/read.h>\n#include "server/net/stream.h"\n',
            "server/net/stream.h": "#include <stdint.h>\n#include <uv.h>\n",
            "policies/policies.c": '#include "policies/jwt/jwt.h"\n',
            "policies/jwt/jwt.c": '#include "jwt.h"\n#include <jwt.h>\n',
            "policies/jwt/jwt.h": '#include "server/filter/filter.h"\n',
        })


if __name__ == "__main__":
    unittest.main()
