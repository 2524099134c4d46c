// The devices page, kept true.

import { keepTrue } from "./parts.js";

keepTrue("fleet", "#todo");
