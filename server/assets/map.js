// The map page, kept true.

import { keepTrue } from "./parts.js";

keepTrue("map", "#plan");
